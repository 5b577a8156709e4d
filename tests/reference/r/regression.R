# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(MASS); library(brglm2); library(rms); library(Hmisc)})
tight <- glm.control(epsilon = 1e-15, maxit = 100)
b <- birthwt
b$race2 <- as.integer(b$race == 2); b$race3 <- as.integer(b$race == 3)
cols <- c("age", "lwt", "smoke", "ptl", "ht", "ui", "ftv", "race2", "race3")
full <- glm(reformulate(cols, "low"), binomial, b, control = tight)
s <- summary(full)$coefficients
prof <- suppressMessages(confint(full))
exact <- function(name, side) {
  # confint interpolates; this solves for the limit itself
  drop <- function(v) {
    f <- glm(reformulate(setdiff(cols, name), "low"), binomial, b, offset = v * b[[name]],
             control = tight)
    deviance(f) - deviance(full) - qchisq(0.95, 1)
  }
  m <- coef(full)[[name]]; w <- s[name, 2]
  uniroot(drop, sort(c(m, m + side * 4 * w)), tol = 1e-13)$root
}
path <- function(direction, start, scope, k = 2) {
  f <- suppressWarnings(stepAIC(start, scope, direction = direction, trace = 0, k = k))
  list(terms = setdiff(names(coef(f)), "(Intercept)"), aic = AIC(f),
       steps = as.character(f$anova$Step))
}
null <- glm(low ~ 1, binomial, b, control = tight)
scope <- list(lower = ~1, upper = reformulate(cols))
firth <- glm(low ~ age + ht + ui, binomial, b, method = "brglmFit", type = "MPL_Jeffreys",
             epsilon = 1e-12, maxit = 500)
sep <- data.frame(x = c(1, 2, 3, 4, 5, 6, 7, 8), w = c(2, 1, 4, 3, 2, 5, 1, 2),
                  y = c(0, 0, 0, 0, 1, 1, 1, 1))
fsep <- glm(y ~ x + w, binomial, sep, method = "brglmFit", type = "MPL_Jeffreys", epsilon = 1e-12,
            maxit = 500)
off <- glm(low ~ age, binomial, b, offset = 0.01 * lwt - 1.5, control = tight)
k4 <- rcspline.eval(b$lwt, nk = 4, inclx = TRUE)
k5 <- rcspline.eval(b$lwt, nk = 5, inclx = TRUE)
spl <- glm(b$low ~ k4, family = binomial, control = tight)
values <- list(
  full = list(beta = unname(coef(full)), se = unname(s[, 2]), p = unname(s[, 4]),
              loglik = as.numeric(logLik(full)), aic = AIC(full), null = as.numeric(logLik(null))),
  profile = list(low = unname(prof[, 1]), high = unname(prof[, 2]),
                 ptl = c(exact("ptl", -1), exact("ptl", 1)), ht = c(exact("ht", -1), exact("ht", 1))),
  backward = path("backward", full, scope), forward = path("forward", null, scope),
  both = path("both", full, scope), both_null = path("both", null, scope),
  bic = path("both", full, scope, log(nrow(b))),
  firth = list(beta = unname(coef(firth)), se = unname(summary(firth)$coefficients[, 2])),
  firth_separated = list(beta = unname(coef(fsep)), se = unname(summary(fsep)$coefficients[, 2])),
  offset = list(beta = unname(coef(off)), loglik = as.numeric(logLik(off))),
  spline = list(knots4 = attr(k4, "knots"), knots5 = attr(k5, "knots"),
                row1 = unname(k4[1, ]), row9 = unname(k5[9, ]), beta = unname(coef(spl)),
                loglik = as.numeric(logLik(spl))))
save_values("regression", c("MASS", "brglm2", "Hmisc"),
            list(low = b$low, X = as.list(b[cols]), separated = sep), values)
