# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(riskRegression); library(pec); library(survival); library(prodlim)})
tied <- tied_cohort(150, 23)
set.seed(24)
exact <- tied; exact$time <- round(exact$time + runif(150, -0.45, 0.45), 3)
f1 <- coxph(Surv(time, event) ~ x, exact, x = TRUE)
f2 <- coxph(Surv(time, event) ~ z, exact, x = TRUE)
at <- c(4, 8, 12)
risks <- function(f, d) round(1 - t(summary(survfit(f, newdata = d), times = at)$surv), 6)
r1 <- risks(f1, exact); r2 <- risks(f2, exact)
score <- function(d, conservative) {
  s <- Score(list(a = r1, b = r2), Surv(time, event) ~ 1, data = d, times = at,
             metrics = c("auc", "brier"), se.fit = TRUE, conservative = conservative,
             null.model = TRUE)
  a <- s$AUC$score; b <- s$Brier$score; da <- s$AUC$contrasts; db <- s$Brier$contrasts
  list(auc1 = a[model == "a"]$AUC, se1 = a[model == "a"]$se, auc2 = a[model == "b"]$AUC,
       se2 = a[model == "b"]$se, brier1 = b[model == "a"]$Brier, bse1 = b[model == "a"]$se,
       brier2 = b[model == "b"]$Brier, bse2 = b[model == "b"]$se,
       null = b[model == "Null model"]$Brier,
       diff = -da[model == "b" & reference == "a"]$delta.AUC,
       diff_se = da[model == "b" & reference == "a"]$se,
       bdiff_se = db[model == "b" & reference == "a"]$se)
}
grid <- c(0, sort(unique(exact$time[exact$event == 1 & exact$time <= 12])), 12)
surv <- t(summary(survfit(f1, newdata = exact), times = grid)$surv)
p <- pec(list(m = surv), Hist(time, event) ~ 1, data = exact, times = grid, exact = FALSE,
         start = 0, cens.model = "marginal", reference = TRUE, verbose = FALSE)
values <- list(exact = score(exact, FALSE), tied = score(tied, FALSE),
               pec = list(error = p$AppErr$m, reference = p$AppErr$Reference,
                          ibs = as.numeric(crps(p, times = 12)[, 1])))
save_values("horizon", c("riskRegression", "pec", "prodlim"),
            list(exact = exact, tied = tied, at = at, r1 = r1, r2 = r2, grid = grid,
                 surv = round(surv, 12)), values)
