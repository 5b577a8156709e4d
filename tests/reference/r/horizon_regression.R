# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(survival); library(prodlim)})
set.seed(52)
n <- 180
x <- round(rnorm(n), 2); z <- rbinom(n, 1, 0.4)
t1 <- rexp(n, 0.06 * exp(0.7 * x)); t2 <- rexp(n, 0.04 * exp(0.5 * z)); c <- runif(n, 1, 25)
time <- round(pmin(t1, t2, c), 4)
cause <- ifelse(c < pmin(t1, t2), 0, ifelse(t1 < t2, 1, 2))
tight <- glm.control(epsilon = 1e-14, maxit = 100)
# Inverse probability of censoring weights from the reverse Kaplan-Meier curve of prodlim.
run <- function(status, horizon) {
  d <- data.frame(time = time, seen = as.integer(status > 0), x = x, z = z)
  g <- prodlim(Hist(time, seen) ~ 1, data = d, reverse = TRUE)
  d$y <- as.integer(status == 1 & time <= horizon)
  at <- function(when) {
    steps <- c(1, predict(g, times = sort(unique(time)), type = "surv"))
    steps[findInterval(when, sort(unique(time))) + 1]
  }
  left <- function(when) {
    steps <- c(1, predict(g, times = sort(unique(time)), type = "surv"))
    steps[findInterval(when, sort(unique(time)), left.open = TRUE) + 1]
  }
  d$w <- ifelse(time > horizon, 1 / at(horizon), ifelse(status > 0, 1 / left(time), 0))
  f <- suppressWarnings(glm(y ~ x + z, quasibinomial, d[d$w > 0, ], weights = w, control = tight))
  list(beta = unname(coef(f)), weight = d$w)
}
values <- list(survival = run(ifelse(cause == 1, 1, 0), 8), competing = run(cause, 8))
save_values("horizon_regression", c("survival", "prodlim"),
            list(time = time, cause = cause, x = x, z = z), values)
