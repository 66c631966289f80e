// The figures of a study as text for people and as JSON.
#pragma once

#include <string>

#include "host.h"
#include "studies/figures.h"
#include "studies/study.h"

namespace siltstone::kvbench {

/// What is printed before anything is measured.
[[nodiscard]] std::string format_study_head(const StudyInfo& study, const StudySettings& settings,
                                            const Host& host, const Build& build);
/// A table for each thing measured, with a column for each way; the ratios; the notes.
[[nodiscard]] std::string format_figures(const Figures& figures);
[[nodiscard]] std::string format_study_json(const StudyInfo& study, const StudySettings& settings,
                                            const Host& host, const Build& build,
                                            const Figures& figures, bool complete);

}  // namespace siltstone::kvbench
