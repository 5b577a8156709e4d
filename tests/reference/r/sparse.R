# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(glmnet); library(survival)})
cohort <- function(n, p, seed) {
  set.seed(seed)
  x <- round(matrix(rnorm(n * p), n) + 0.6 * rnorm(n), 3) %*% diag(10^seq(-1, 1, length.out = p))
  x <- round(x, 4)
  risk <- scale(x[, 1]) - scale(x[, 2])
  list(x = x, y = as.integer(risk + rlogis(n) > 0),
       time = ceiling(20 * rexp(n, exp(0.6 * risk))), event = rbinom(n, 1, 0.7),
       fold = rep(1:5, length.out = n))
}
tall <- cohort(80, 6, 1); wide <- cohort(40, 60, 2)
# Places of the path: near its top, in the middle, lower down.
one <- function(d, family, alpha) {
  y <- if (family == "cox") Surv(d$time, d$event) else d$y
  f <- glmnet(d$x, y, family = family, alpha = alpha, thresh = 1e-16, maxit = 1e7)
  at <- c(2, 10, 25, 40)
  out <- list(lambda = f$lambda[at], beta = unname(t(as.matrix(f$beta[, at]))),
              dev = f$dev.ratio[at], first = f$lambda[1], length = length(f$lambda))
  if (family != "cox") out$a0 <- unname(f$a0[at])
  out
}
# With the grid given, glmnet fits every fold on it: no interpolation between grids.
folds <- function(d, family) {
  y <- if (family == "cox") Surv(d$time, d$event) else d$y
  f <- glmnet(d$x, y, family = family, thresh = 1e-16, maxit = 1e7)
  cv <- cv.glmnet(d$x, y, family = family, lambda = f$lambda, foldid = d$fold,
                  thresh = 1e-16, maxit = 1e7)
  list(lambda = cv$lambda, mean = cv$cvm, se = cv$cvsd, min = cv$lambda.min, se1 = cv$lambda.1se)
}
values <- list()
for (family in c("binomial", "cox")) for (shape in c("tall", "wide")) {
  d <- get(shape)
  values[[paste(family, shape, "lasso", sep = "_")]] <- one(d, family, 1)
  values[[paste(family, shape, "net", sep = "_")]] <- one(d, family, 0.4)
}
values$cv_binomial <- folds(tall, "binomial")
values$cv_cox <- folds(tall, "cox")
save_values("sparse", c("glmnet", "survival"), list(tall = tall, wide = wide), values)
