#include "common/request.h"
