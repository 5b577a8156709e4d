# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(maxstat); library(survival)})
tied <- tied_cohort(140, 41)
set.seed(42)
exact <- tied; exact$time <- round(exact$time + runif(140, -0.45, 0.45), 3)
one <- function(d, lo = 0.1) {
  m <- maxstat.test(Surv(time, event) ~ x, d, smethod = "LogRank", pmethod = "Lau92",
                    minprop = lo, maxprop = 1 - lo)
  list(statistic = unname(m$statistic), cut = unname(m$estimate), p = unname(m$p.value),
       stats = unname(m$stats), cuts = unname(m$cuts))
}
chi <- function(d, c) survdiff(Surv(time, event) ~ x > c, d)$chisq
cuts <- c(-1, -0.5, 0.3, 0.8)
three <- function(d, a, b) survdiff(Surv(time, event) ~ cut(x, c(-9, a, b, 9)), d)$chisq
values <- list(exact = one(exact), exact25 = one(exact, 0.25),
               chi_exact = sapply(cuts, chi, d = exact), chi_tied = sapply(cuts, chi, d = tied),
               three_tied = c(three(tied, -0.5, 0.3), three(tied, -1, 0.8)),
               lausen = sapply(c(1.5, 2.2, 3, 4.1), pLausen92, minprop = 0.15, maxprop = 0.85))
save_values("cutpoints", c("maxstat", "survival"), list(exact = exact, tied = tied, cuts = cuts),
            values)
