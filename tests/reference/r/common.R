# SPDX-License-Identifier: Apache-2.0
# What the scripts share: run each as `Rscript roc.R` in this folder; it writes values/roc.json.
suppressMessages(library(jsonlite))

save_values <- function(group, packages, data, values) {
  versions <- c(list(R = as.character(getRversion())),
                lapply(setNames(packages, packages), function(p) as.character(packageVersion(p))))
  dir.create("values", showWarnings = FALSE)
  write_json(list(versions = versions, data = data, values = values),
             file.path("values", paste0(group, ".json")),
             digits = NA, auto_unbox = TRUE, null = "null", na = "string", dataframe = "columns")
}

# A cohort with ties in time and score, and heavy censoring.
tied_cohort <- function(n = 120, seed = 11) {
  set.seed(seed)
  x <- round(rnorm(n), 1)
  z <- rbinom(n, 1, 0.4)
  t <- ceiling(rexp(n, 0.08 * exp(0.6 * x + 0.4 * z)))
  c <- ceiling(runif(n, 2, 30))
  data.frame(time = pmin(t, c), event = as.integer(t <= c), x = x, z = z,
             group = sample(c("a", "b", "c"), n, TRUE), site = sample(1:3, n, TRUE))
}
