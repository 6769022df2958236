#include "common/civil_date.h"
