# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages(library(pROC))
data(aSAH)
event <- as.integer(aSAH$outcome == "Poor")
one <- function(score) {
  r <- roc(event, score, levels = c(0, 1), direction = "<", quiet = TRUE)
  best <- coords(r, "best", ret = c("threshold", "sensitivity", "specificity"), transpose = FALSE)
  list(auc = as.numeric(auc(r)), ci = as.numeric(ci.auc(r))[c(1, 3)], var = var(r),
       best = best$threshold[1], se = best$sensitivity[1], sp = best$specificity[1],
       thresholds = r$thresholds[2:4], sens = r$sensitivities[2:6], spec = r$specificities[2:6],
       pauc = as.numeric(auc(r, partial.auc = c(1, 0.8))),
       pauc_corrected = as.numeric(auc(r, partial.auc = c(1, 0.8), partial.auc.correct = TRUE)),
       pauc_se = as.numeric(auc(r, partial.auc = c(1, 0.9), partial.auc.focus = "se")),
       sens_at_90 = as.numeric(coords(r, 0.9, "specificity", ret = "sensitivity", transpose = TRUE)),
       spec_at_80 = as.numeric(coords(r, 0.8, "sensitivity", ret = "specificity", transpose = TRUE)))
}
r1 <- roc(event, aSAH$s100b, levels = c(0, 1), direction = "<")
r2 <- roc(event, aSAH$wfns, levels = c(0, 1), direction = "<")
r3 <- roc(event, aSAH$ndka, levels = c(0, 1), direction = "<")
male <- aSAH$gender == "Male"
rm <- roc(event[male], aSAH$s100b[male], levels = c(0, 1), direction = "<")
rf <- roc(event[!male], aSAH$s100b[!male], levels = c(0, 1), direction = "<")
pair <- function(a, b) {
  t <- roc.test(a, b, method = "delong", paired = TRUE)
  list(z = unname(t$statistic), p = t$p.value, ci = as.numeric(t$conf.int), cov = cov(a, b))
}
un <- roc.test(rm, rf, method = "delong", paired = FALSE)
values <- list(s100b = one(aSAH$s100b), wfns = one(as.numeric(aSAH$wfns)), ndka = one(aSAH$ndka),
               pair12 = pair(r1, r2), pair13 = pair(r1, r3), pair23 = pair(r2, r3),
               unpaired = list(d = unname(un$statistic), df = unname(un$parameter), p = un$p.value))
save_values("roc", "pROC", list(event = event, s100b = aSAH$s100b, wfns = as.numeric(aSAH$wfns),
            ndka = aSAH$ndka, male = as.integer(male)), values)
