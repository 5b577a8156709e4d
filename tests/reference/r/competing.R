# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages(library(cmprsk))
set.seed(17)
n <- 150
x <- round(rnorm(n), 1); z <- rbinom(n, 1, 0.5)
t1 <- rexp(n, 0.06 * exp(0.7 * x)); t2 <- rexp(n, 0.05 * exp(-0.4 * z)); c <- runif(n, 1, 25)
exact <- pmin(t1, t2, c)
cause <- ifelse(c < pmin(t1, t2), 0, ifelse(t1 < t2, 1, 2))
tied <- ceiling(exact)
g <- sample(c("a", "b", "c"), n, TRUE)
exact <- round(exact, 4)
cif <- function(time) {
  f <- cuminc(time, cause)[["1 1"]]
  at <- timepoints(list("1 1" = f), c(3, 6, 10, 15))
  list(est = as.numeric(at$est), var = as.numeric(at$var))
}
gray <- function(time, group, rho = 0) {
  t <- cuminc(time, cause, group, rho = rho)$Tests
  list(stat = unname(t["1", "stat"]), p = unname(t["1", "pv"]))
}
fg <- function(time, X) {
  f <- crr(time, cause, X, gtol = 1e-13, maxiter = 100)
  p <- predict(f, rbind(c(0.5, 1)[seq_len(ncol(X))], c(-1, 0)[seq_len(ncol(X))]))
  at <- function(k) p[max(which(p[, 1] <= 8)), k]
  list(beta = unname(f$coef), se = sqrt(diag(f$var)), loglik = f$loglik, null = f$loglik.null,
       risk8 = c(at(2), at(3)))
}
X <- cbind(x, z)
values <- list(cif_exact = cif(exact), cif_tied = cif(tied), gray2 = gray(exact, z),
               gray3 = gray(exact, g), gray3_tied = gray(tied, g), gray2_tied = gray(tied, z),
               gray_rho = gray(exact, g, 1),
               fg_exact = fg(exact, X), fg_tied = fg(tied, X), fg_one = fg(exact, X[, 1, drop = FALSE]))
save_values("competing", "cmprsk", list(exact = exact, tied = tied, cause = cause, x = x, z = z,
            g = g), values)
