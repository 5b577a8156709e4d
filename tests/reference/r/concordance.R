# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages(library(survival))
d <- tied_cohort()
vet <- veteran
one <- function(c) list(c = unname(c$concordance), se = sqrt(as.numeric(c$var)),
                        count = unname(c$count[1:3]))
two <- function(f1, f2) {
  c2 <- concordance(f1, f2)
  g <- c(1, -1)
  list(c = unname(c2$concordance), se = sqrt(as.numeric(t(g) %*% c2$var %*% g)))
}
f1 <- coxph(Surv(time, event) ~ x, d); f2 <- coxph(Surv(time, event) ~ x + z, d)
v1 <- coxph(Surv(time, status) ~ karno, vet); v2 <- coxph(Surv(time, status) ~ age + karno, vet)
values <- list(
  tied = one(concordance(Surv(time, event) ~ x, d, reverse = TRUE)),
  binary = one(concordance(Surv(time, event) ~ z, d, reverse = TRUE)),
  veteran = one(concordance(Surv(time, status) ~ karno, vet, reverse = FALSE)),
  uno_tied = one(concordance(Surv(time, event) ~ x, d, reverse = TRUE, timewt = "n/G2")),
  uno_veteran = one(concordance(Surv(time, status) ~ karno, vet, timewt = "n/G2")),
  uno_horizon = one(concordance(Surv(time, event) ~ x, d, reverse = TRUE, timewt = "n/G2",
                                ymax = 9)),
  compare = two(f1, f2), compare_vet = two(v1, v2))
save_values("concordance", "survival", list(tied = d, f1 = unname(predict(f1)),
  f2 = unname(predict(f2)), veteran = list(time = vet$time, event = vet$status, karno = vet$karno),
  v1 = unname(predict(v1)), v2 = unname(predict(v2))), values)
