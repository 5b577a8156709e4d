# SPDX-License-Identifier: Apache-2.0
source("common.R")
set.seed(71)
x <- round(rnorm(40), 1); y <- round(0.5 * x + rnorm(40), 1)
p <- cor.test(x, y)
s <- suppressWarnings(cor.test(x, y, method = "spearman", exact = FALSE))
k <- suppressWarnings(cor.test(x, y, method = "kendall", exact = FALSE))
save_values("correlation", "stats", list(x = x, y = y),
            list(pearson = c(unname(p$estimate), p$conf.int, p$p.value),
                 spearman = c(unname(s$estimate), s$p.value),
                 kendall = c(unname(k$estimate), k$p.value)))
