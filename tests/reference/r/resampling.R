# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(boot); library(mice); library(survival)})
data(city, package = "boot")
set.seed(51)
ratio <- function(d, w) sum(d$x * w) / sum(d$u * w)
b <- boot(city, ratio, R = 999, stype = "w")
L <- empinf(b)
ci <- boot.ci(b, type = c("norm", "basic", "perc", "bca"), L = L)
q <- c(0.52, 0.61, 0.47, 0.70, 0.55); u <- c(0.041, 0.039, 0.052, 0.044, 0.047)
p1 <- pool.scalar(q, u, n = Inf, k = 1); p2 <- pool.scalar(q, u, n = 120, k = 6)
rub <- function(p) list(estimate = p$qbar, within = p$ubar, between = p$b, se = sqrt(p$t),
                        df = p$df, fmi = p$fmi)
d <- tied_cohort(80, 52)
rows <- matrix(sample(80, 80 * 25, TRUE), 25)
c_of <- function(f, i) concordance(Surv(time, event) ~ lp, transform(d, lp = predict(f, d))[i, ],
                                   reverse = TRUE)$concordance
gap <- apply(rows, 1, function(i) {
  f <- coxph(Surv(time, event) ~ x + z, d[i, ]); c_of(f, i) - c_of(f, 1:80)
})
app <- c_of(coxph(Surv(time, event) ~ x + z, d), 1:80)
values <- list(norm = ci$normal[2:3], basic = ci$basic[4:5], perc = ci$percent[4:5],
               bca = ci$bca[4:5], rubin = rub(p1), rubin120 = rub(p2),
               optimism = c(app, mean(gap), app - mean(gap)))
save_values("resampling", c("boot", "mice", "survival"),
            list(t = as.numeric(b$t), t0 = b$t0, L = L, q = q, u = u, cohort = d, rows = rows - 1),
            values)
