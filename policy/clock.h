#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/civil_date.h"

/// What a wrong clock must not do: give a backup a date that is not its own, or make everything look old (D3, D4). Pure.
namespace backupctl::policy {

/// Why a clock that shows `today` cannot be right: it shows a day before this program was written (1970, where a board has no
/// battery), one before the newest archive that this host committed, or one more than a year after it. A day earlier is
/// believed: the policy's zone may have been changed.
/// @param committed  the date of that archive, if there is one
/// @return plain words that go on after "the clock shows DATE, "; nothing when it is believed
std::optional<std::string> clock_fault(CivilDate today, const std::optional<CivilDate>& committed);

/// Which days of a mirror's history are over. As retention counts days that have archives, so this counts days that have a
/// history: the newest `keep` of them stay however old they are, so that a clock that runs ahead, by a month or a century,
/// takes no more of it than an ordinary night does. Days after tomorrow stay and are not counted.
/// @param dates  the days there are, in any order. @param keep  mirror_history in days
/// @return those to delete, oldest first
std::vector<CivilDate> obsolete_history(std::vector<CivilDate> dates, CivilDate today, std::chrono::days keep);

}  // namespace backupctl::policy
