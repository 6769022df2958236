#pragma once

#include <string>

#include "gate/step/step.h"

namespace backupctl::step {

/// Takes over the archives that an earlier script left on the remotes under a service's names, `<service>-YYYY-MM-DD.tar.gz` or
/// `.tar.zst`, without a manifest: each is fetched, tested whole, and gets a checksum and a signed manifest that says
/// "adopted". From then on it counts for list, restore and retention. Nothing is deleted or replaced; one that does not pass
/// its test, or that has a manifest which is not accepted, is left alone. Broken off, it goes on where it was.
/// @param remote  the policy's name of the one to look at; empty: all of the service's
/// Error: Exit::bad_data, some did not pass; the others are adopted all the same.
Result<Report> adopt(Context& context, const std::string& service, const std::string& remote);

}  // namespace backupctl::step
