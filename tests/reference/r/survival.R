# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages(library(survival))
d <- tied_cohort()
km <- function(data, type) {
  f <- survfit(Surv(time, event) ~ 1, data, conf.type = type)
  list(time = f$time, surv = f$surv, low = f$lower, high = f$upper, risk = f$n.risk,
       median = unname(quantile(f, 0.5)$quantile), median_low = unname(quantile(f, 0.5)$lower),
       median_high = unname(quantile(f, 0.5)$upper), q25 = unname(quantile(f, 0.25)$quantile))
}
test <- function(f, data = d, ...) {
  t <- survdiff(f, data, ...)
  list(chisq = t$chisq, p = pchisq(t$chisq, length(t$n) - 1, lower.tail = FALSE),
       obs = if (is.matrix(t$obs)) rowSums(t$obs) else unname(t$obs),
       exp = if (is.matrix(t$exp)) rowSums(t$exp) else unname(t$exp))
}
vet <- veteran; vet$event <- vet$status
trend <- local({
  t <- survdiff(Surv(time, event) ~ group, d); w <- 0:2
  (sum(w * (t$obs - t$exp)))^2 / as.numeric(t(w) %*% t$var %*% w)
})
flat <- data.frame(time = c(1, 2, 3, 4), event = c(1, 1, 1, 1))
rmst <- function(data, tau) {
  s <- summary(survfit(Surv(time, event) ~ 1, data), rmean = tau)$table
  unname(c(s["rmean"], s["se(rmean)"]))
}
pairs <- function() {
  g <- list(c("a", "b"), c("a", "c"), c("b", "c"))
  sapply(g, function(k) test(Surv(time, event) ~ group, d[d$group %in% k, ])$p)
}
at <- function(data, when, type) {
  s <- summary(survfit(Surv(time, event) ~ 1, data, conf.type = type), times = when)
  c(s$surv, s$std.err, s$lower, s$upper)
}
values <- list(
  tied = list(log = km(d, "log"), loglog = km(d, "log-log"), plain = km(d, "plain")),
  veteran = km(data.frame(time = vet$time, event = vet$event), "log"),
  all_events = km(flat, "log"),
  logrank2 = test(Surv(time, event) ~ z), logrank3 = test(Surv(time, event) ~ group),
  peto = test(Surv(time, event) ~ group, rho = 1),
  stratified = test(Surv(time, event) ~ group + strata(site)),
  veteran_cell = test(Surv(time, event) ~ celltype, vet),
  trend = trend, pairwise = pairs(),
  rmst = list(tied12 = rmst(d, 12), vet365 = rmst(vet, 365), z0 = rmst(d[d$z == 0, ], 10),
              z1 = rmst(d[d$z == 1, ], 10)),
  fixed = list(log = at(d, 10, "log"), z0 = at(d[d$z == 0, ], 10, "log"),
               z1 = at(d[d$z == 1, ], 10, "log")))
save_values("survival", "survival", list(tied = d, veteran = list(time = vet$time,
            event = vet$event, cell = as.character(vet$celltype)), flat = flat), values)
