# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(survival); library(rms)})
tight <- coxph.control(eps = 1e-14, iter.max = 100, toler.chol = 1e-16)
d <- tied_cohort(150, 71)
new <- data.frame(x = c(-1, 0, 2), z = c(0, 1, 1))
run <- function(ties) {
  f <- coxph(Surv(time, event) ~ x + z, d, ties = ties, control = tight)
  s <- summary(survfit(f, newdata = new, conf.type = "log-log"), times = c(3, 8, 14))
  list(risk = 1 - s$surv, low = 1 - s$upper, high = 1 - s$lower)
}
# A calibration curve as Austin, Harrell and van Klaveren fit it: a restricted cubic spline.
p <- round(1 - exp(-exp(-1 + 0.5 * d$x)), 6)
cll <- log(-log(1 - p))
knots <- as.numeric(quantile(cll, c(0.1, 0.5, 0.9)))
f <- coxph(Surv(time, event) ~ rcspline.eval(cll, knots = knots, inclx = TRUE), d, control = tight)
at <- c(0.15, 0.3, 0.5)
basis <- rcspline.eval(log(-log(1 - at)), knots = knots, inclx = TRUE)
m <- rcspline.eval(cll, knots = knots, inclx = TRUE)
d$b1 <- m[, 1]; d$b2 <- m[, 2]
f <- coxph(Surv(time, event) ~ b1 + b2, d, control = tight)
s <- summary(survfit(f, newdata = data.frame(b1 = basis[, 1], b2 = basis[, 2]),
                     conf.type = "log-log"), times = 8)
values <- list(efron = run("efron"), breslow = run("breslow"),
               smooth = list(observed = 1 - as.numeric(s$surv), low = 1 - as.numeric(s$upper),
                             high = 1 - as.numeric(s$lower)))
save_values("cox_curve", c("survival", "rms"),
            list(cohort = d[c("time", "event", "x", "z")], when = c(3, 8, 14), x = new$x, z = new$z,
                 probability = p, at = at, knots = knots), values)
