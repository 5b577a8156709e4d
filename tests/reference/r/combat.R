# SPDX-License-Identifier: Apache-2.0
source("common.R")
suppressMessages(library(sva))
set.seed(3)
n <- 36; p <- 15
batch <- rep(1:3, length.out = n)
x <- matrix(rnorm(n * p), n) * (1 + 0.5 * (batch == 2)) + 1.5 * (batch == 3)
x <- round(sweep(x, 2, seq(0.5, 20, length.out = p), "*") + 7, 4)
out <- suppressMessages(ComBat(t(x), batch, par.prior = TRUE))
save_values("combat", "sva", list(x = x, batch = batch), list(adjusted = t(out)))
