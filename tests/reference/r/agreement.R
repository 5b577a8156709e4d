# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(psych); library(vcd)})
sf <- matrix(c(9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7), ncol = 4,
             byrow = TRUE)
set.seed(9)
two <- round(cbind(rnorm(25), rnorm(25)) + rnorm(25, 0, 1.5) + 100, 2)
one <- function(x) {
  r <- psych::ICC(x, lmer = FALSE, alpha = 0.05)$results
  list(icc = r$ICC, f = r$F, p = r$p, low = r$`lower bound`, high = r$`upper bound`)
}
grades <- matrix(c(30, 6, 2, 1, 8, 22, 5, 2, 1, 7, 15, 6, 0, 2, 4, 19), 4, byrow = TRUE)
kap <- function(w) {
  k <- vcd::Kappa(grades, weights = w)
  list(plain = unname(c(k$Unweighted["value"], k$Unweighted["ASE"])),
       weighted = unname(c(k$Weighted["value"], k$Weighted["ASE"])))
}
save_values("agreement", c("psych", "vcd"), list(sf = sf, two = two, grades = grades),
            list(sf = one(sf), two = one(two), linear = kap("Equal-Spacing"),
                 quadratic = kap("Fleiss-Cohen")))
