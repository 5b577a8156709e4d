# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(survival); library(MASS)})
tight <- coxph.control(eps = 1e-14, iter.max = 100, toler.chol = 1e-16)
d <- tied_cohort()
one <- function(f) {
  s <- summary(f)
  list(beta = unname(coef(f)), se = unname(s$coefficients[, "se(coef)"]),
       p = unname(s$coefficients[, "Pr(>|z|)"]), loglik = f$loglik, score = f$score,
       lr = unname(s$logtest["pvalue"]), low = unname(s$conf.int[, 3]),
       high = unname(s$conf.int[, 4]))
}
ef <- coxph(Surv(time, event) ~ x + z, d, control = tight)
br <- coxph(Surv(time, event) ~ x + z, d, ties = "breslow", control = tight)
st <- coxph(Surv(time, event) ~ x + z + strata(site), d, control = tight)
vet <- veteran
vet$squamous <- as.integer(vet$celltype == "squamous")
vet$small <- as.integer(vet$celltype == "smallcell")
vet$adeno <- as.integer(vet$celltype == "adeno")
cols <- c("trt", "karno", "diagtime", "age", "prior", "squamous", "small", "adeno")
vf <- coxph(reformulate(cols, "Surv(time, status)"), vet, control = tight)
base <- function(f) { h <- basehaz(f, centered = TRUE); list(time = h$time, hazard = h$hazard) }
zph <- function(f, transform) {
  z <- cox.zph(f, transform = transform, terms = TRUE)
  list(chisq = unname(z$table[, 1]), p = unname(z$table[, 3]))
}
rob <- coxph(Surv(time, event) ~ x + z, d, robust = TRUE, control = tight)
clu <- coxph(Surv(time, event) ~ x + z, d, cluster = site, control = tight)
step <- function(direction, start, scope) {
  f <- stepAIC(start, scope, direction = direction, trace = 0)
  list(terms = names(coef(f)), aic = AIC(f))
}
null <- coxph(Surv(time, status) ~ 1, vet)
values <- list(
  efron = one(ef), breslow = one(br), strata = one(st), veteran = one(vf),
  hazard = list(efron = base(ef), breslow = base(br)),
  risk = 1 - as.numeric(summary(survfit(ef, newdata = data.frame(x = c(-1, 0, 2), z = c(0, 1, 1))),
                                times = 8)$surv),
  zph = list(km = zph(vf, "km"), rank = zph(vf, "rank"), identity = zph(vf, "identity"),
             log = zph(vf, "log"), tied = zph(ef, "km"), strata = zph(st, "km")),
  robust = list(se = unname(sqrt(diag(rob$var))), cluster = unname(sqrt(diag(clu$var)))),
  martingale = unname(residuals(ef))[1:12], schoenfeld = unname(residuals(ef, "schoenfeld")[1:5, ]),
  dfbeta = unname(residuals(ef, "dfbeta")[1:5, ]),
  stepwise = list(backward = step("backward", vf, list(lower = ~1, upper = reformulate(cols))),
                  forward = step("forward", null, list(lower = ~1, upper = reformulate(cols))),
                  both = step("both", vf, list(lower = ~1, upper = reformulate(cols)))))
save_values("cox", c("survival", "MASS"),
            list(tied = d, veteran = as.list(vet[c("time", "status", cols)])), values)
