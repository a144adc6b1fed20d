# random
