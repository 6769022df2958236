#pragma once

namespace backupctl {

/// Removes everything beneath the directory `dir` (an open descriptor, of which only the file is used, not its offset): no link
/// is followed, no mount is crossed, and however deep a hostile child nested its directories, three descriptors are enough
/// (X5, X11). Whoever could write there should have ended: a directory that is moved meanwhile ends the removal.
/// @return false when something stayed, with errno set by the first that did.
bool remove_beneath(int dir);

}  // namespace backupctl
