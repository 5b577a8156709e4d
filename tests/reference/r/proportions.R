# SPDX-License-Identifier: Apache-2.0
source("common.R")
wide <- matrix(c(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8), 3)
small <- matrix(c(3, 1, 1, 3), 2)
odd <- matrix(c(12, 5, 4, 11), 2)
big <- matrix(c(10, 2, 0, 3, 8, 4, 1, 0, 6, 5, 5, 5), 4)
paired <- matrix(c(101, 121, 59, 33), 2)
p <- c(0.01, 0.02, 0.03, 0.04, 0.05, 0.001, 0.8, 0.02)
set.seed(4)
a <- round(rnorm(23, 10, 2), 2); b <- round(rnorm(31, 11.5, 4), 2); c <- round(rnorm(17, 9, 2), 2)
u <- c(1.1, 2.7, 3.3, 8.2); v <- c(2.2, 4.1, 9.9, 10.2, 3.9)
ties <- function(x) round(x)
values <- list(
  clopper = lapply(list(c(12, 13), c(0, 7), c(7, 7), c(40, 150)), function(k)
    as.numeric(binom.test(k[1], k[2])$conf.int)),
  wilson = lapply(list(c(12, 13), c(0, 7), c(40, 150)), function(k)
    as.numeric(prop.test(k[1], k[2], correct = FALSE)$conf.int)),
  chisq = list(stat = unname(suppressWarnings(chisq.test(wide, correct = FALSE))$statistic),
               p = suppressWarnings(chisq.test(wide, correct = FALSE))$p.value),
  yates = list(stat = unname(chisq.test(odd)$statistic), p = chisq.test(odd)$p.value),
  yates_small = list(stat = unname(suppressWarnings(chisq.test(small))$statistic),
                     p = suppressWarnings(chisq.test(small))$p.value),
  fisher = list(small = fisher.test(small)$p.value, odd = fisher.test(odd)$p.value,
                wide = fisher.test(wide)$p.value, big = fisher.test(big)$p.value),
  mcnemar = list(corrected = mcnemar.test(paired)$p.value,
                 plain = mcnemar.test(paired, correct = FALSE)$p.value,
                 exact = binom.test(59, 59 + 121)$p.value),
  adjust = lapply(setNames(nm = c("bonferroni", "holm", "hochberg", "BH", "BY")),
                  function(m) p.adjust(p, m)),
  numeric = list(student = t.test(a, b, var.equal = TRUE)$p.value, welch = t.test(a, b)$p.value,
                 welch_df = unname(t.test(a, b)$parameter),
                 ranks_exact = wilcox.test(u, v)$p.value,
                 ranks_ties = wilcox.test(ties(a), ties(b), exact = FALSE)$p.value,
                 anova = summary(aov(y ~ g, data.frame(y = c(a, b, c), g = rep(c("a", "b", "c"),
                   c(23, 31, 17)))))[[1]][["Pr(>F)"]][1],
                 kruskal = kruskal.test(list(a, b, c))$p.value,
                 shapiro = shapiro.test(b)$p.value))
save_values("proportions", c("stats"), list(wide = wide, small = small, odd = odd, big = big,
            paired = paired, p = p, a = a, b = b, c = c, u = u,
            v = v), values)
