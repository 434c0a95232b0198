#include "CHierarchicalData.h"
