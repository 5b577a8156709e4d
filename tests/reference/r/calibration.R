# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(rms); library(survival)})
tight <- glm.control(epsilon = 1e-15, maxit = 100)
tight_cox <- coxph.control(eps = 1e-14, iter.max = 50, toler.chol = 1e-16)
set.seed(21)
n <- 160
lp <- round(rnorm(n, -0.3, 1.1), 3)
p <- round(plogis(1.4 * lp - 0.2), 4)
y <- rbinom(n, 1, plogis(lp))
v <- val.prob(p, y, pl = FALSE)
slope <- glm(y ~ qlogis(p), family = binomial, control = tight)
large <- glm(y ~ 1, offset = qlogis(p), family = binomial, control = tight)
l <- loess(y ~ p, control = loess.control(surface = "direct", statistics = "exact"))
gap <- abs(pmin(pmax(fitted(l), 0), 1) - p)
l1 <- loess(y ~ p, span = 0.5, degree = 1,
            control = loess.control(surface = "direct", statistics = "exact"))
pr <- predict(l1, data.frame(p = c(0.1, 0.5, 0.8)), se = TRUE)
q <- unique(quantile(p, seq(0, 1, 0.1)))
g <- cut(p, q, include.lowest = TRUE)
o <- tapply(y, g, sum); e <- tapply(p, g, sum); m <- tapply(p, g, length)
hl <- sum((o - e)^2 / (e * (1 - e / m)))
d <- tied_cohort(200, 5)
f <- coxph(Surv(time, event) ~ x, d[1:100, ])
late <- d[101:200, ]
risk <- 1 - as.numeric(summary(survfit(f, newdata = late), times = 8)$surv)
risk <- round(risk, 5)
cll <- log(-log(1 - risk))
sslope <- coxph(Surv(late$time, late$event) ~ cll, control = tight_cox)
knots <- quantile(cll, c(0.1, 0.5, 0.9))
basis <- Hmisc::rcspline.eval(cll, knots = knots, inclx = TRUE)
b1 <- basis[, 1]; b2 <- basis[, 2]
sm <- coxph(Surv(late$time, late$event) ~ b1 + b2, control = tight_cox)
obs <- 1 - as.numeric(summary(survfit(sm, newdata = data.frame(b1 = b1, b2 = b2)), times = 8)$surv)
km <- summary(survfit(Surv(time, event) ~ 1, late, conf.type = "log-log"), times = 8)
values <- list(
  slope = c(unname(coef(slope)[2]), unname(summary(slope)$coefficients[2, 2])),
  intercept = unname(coef(slope)[1]),
  large = c(unname(coef(large)), unname(summary(large)$coefficients[1, 2])),
  brier = unname(v["Brier"]), spiegelhalter = c(unname(v["S:z"]), unname(v["S:p"])),
  c = unname(v["C (ROC)"]),
  ici = c(mean(gap), median(gap), unname(quantile(gap, 0.9)), max(gap)),
  loess1 = list(fit = unname(pr$fit), se = unname(pr$se.fit)),
  loess_fit = unname(fitted(l))[1:10],
  hl = c(hl, pchisq(hl, length(o) - 2, lower.tail = FALSE), length(o)),
  survival = list(slope = c(unname(coef(sslope)), sqrt(sslope$var[1])),
                  ici = c(mean(abs(obs - risk)), median(abs(obs - risk)),
                          unname(quantile(abs(obs - risk), 0.9)), max(abs(obs - risk))),
                  oe = c(1 - km$surv, 1 - km$upper, 1 - km$lower) / mean(risk)))
save_values("calibration", c("rms", "Hmisc", "survival"),
            list(p = p, y = y, late = late, risk = risk), values)
