# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(riskRegression); library(survival); library(prodlim)})
set.seed(41)
n <- 160
x <- round(rnorm(n), 1)
t1 <- rexp(n, 0.06 * exp(0.7 * x)); t2 <- rexp(n, 0.05); c <- runif(n, 1, 25)
time <- round(pmin(t1, t2, c), 4)
cause <- ifelse(c < pmin(t1, t2), 0, ifelse(t1 < t2, 1, 2))
at <- c(3, 6, 10)
risk <- round(outer(x, at, function(x, t) 1 - exp(-0.04 * t * exp(0.6 * x))), 6)
other <- round(risk[sample(n), ] * 0.5 + risk * 0.5, 6)
run <- function(time) {
  s <- Score(list(a = risk, b = other), Hist(time, cause) ~ 1, cause = 1, times = at,
             data = data.frame(time = time, cause = cause), metrics = c("auc", "brier"),
             se.fit = TRUE, conservative = FALSE, null.model = FALSE)
  a <- s$AUC$score; b <- s$Brier$score
  list(auc_a = a[model == "a"]$AUC, se_a = a[model == "a"]$se, auc_b = a[model == "b"]$AUC,
       se_b = a[model == "b"]$se, brier_a = b[model == "a"]$Brier, bse_a = b[model == "a"]$se,
       brier_b = b[model == "b"]$Brier, bse_b = b[model == "b"]$se)
}
values <- list(exact = run(time), tied = run(ceiling(time)))
save_values("horizon_competing", c("riskRegression", "prodlim"),
            list(exact = time, tied = ceiling(time), cause = cause, at = at, a = risk, b = other),
            values)
