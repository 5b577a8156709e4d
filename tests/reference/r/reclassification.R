# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(Hmisc); library(survival)})
set.seed(31)
n <- 150
y <- rbinom(n, 1, 0.4)
p1 <- round(plogis(rnorm(n, -0.5 + 0.7 * y)), 2)
p2 <- round(plogis(rnorm(n, -0.6 + 1.1 * y)), 2)
r <- improveProb(p1, p2, y)
cut3 <- function(p) findInterval(p, c(0.2, 0.5))
rc <- improveProb(cut3(p1) / 10, cut3(p2) / 10, y)
pencina <- function(a, b) {
  up <- tapply(b > a, y, mean); down <- tapply(b < a, y, mean); m <- table(y)
  nri <- (up[["1"]] - down[["1"]]) + (down[["0"]] - up[["0"]])
  se <- sqrt((up[["1"]] + down[["1"]]) / m[["1"]] + (up[["0"]] + down[["0"]]) / m[["0"]])
  c(nri, se, 2 * pnorm(-abs(nri / se)))
}
d <- tied_cohort(150, 7)
horizon <- 7
risk <- function(i) 1 - summary(survfit(Surv(time, event) ~ 1, d[i, ]), times = horizon)$surv
up <- p2 > p1; down <- p2 < p1; all <- rep(TRUE, n)
km <- c((risk(up) * mean(up) - risk(down) * mean(down)) / risk(all),
        ((1 - risk(down)) * mean(down) - (1 - risk(up)) * mean(up)) / (1 - risk(all)))
values <- list(
  free = list(nri = c(r$nri, r$se.nri, 2 * pnorm(-abs(r$z.nri))), ev = r$nri.ev, ne = r$nri.ne),
  idi = c(r$idi, r$se.idi, 2 * pnorm(-abs(r$z.idi))),
  categories = c(rc$nri, rc$se.nri), pencina = pencina(cut3(p1), cut3(p2)),
  pencina_free = pencina(p1, p2), km = km)
save_values("reclassification", c("Hmisc", "survival"),
            list(y = y, p1 = p1, p2 = p2, late = d), values)
