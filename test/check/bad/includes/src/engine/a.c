#include "store/s.h"
