# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages({library(rms); library(survival); library(MASS)})
b <- MASS::birthwt
dd <- datadist(b); options(datadist = "dd")
f <- lrm(low ~ age + lwt + smoke + ht, b, eps = 1e-12, maxit = 50)
n <- nomogram(f, age = c(15, 25, 35, 45), lwt = c(80, 150, 250), smoke = c(0, 1), ht = c(0, 1),
              fun = plogis, fun.at = c(0.1, 0.3, 0.5), lp = TRUE)
vet <- veteran; dv <- datadist(vet); options(datadist = "dv")
g <- cph(Surv(time, status) ~ karno + age, vet, x = TRUE, y = TRUE, surv = TRUE, method = "efron",
         eps = 1e-12)
m <- nomogram(g, karno = c(10, 50, 99), age = c(34, 50, 81), lp = FALSE,
              fun = function(lp) 1 - survest(g, linear.predictors = lp, times = 100)$surv,
              fun.at = c(0.3, 0.5, 0.7))
values <- list(logistic = list(age = n$age$points, lwt = n$lwt$points, smoke = n$smoke$points,
                               ht = n$ht$points, lp_at_points = attr(n, "info")$Intercept,
                               per_point = attr(n, "info")$sc),
               cox = list(karno = m$karno$points, age = m$age$points))
save_values("nomogram", c("rms", "survival", "MASS"),
            list(low = b$low, age = b$age, lwt = b$lwt, smoke = b$smoke, ht = b$ht,
                 veteran = as.list(vet[c("time", "status", "karno", "age")])), values)
