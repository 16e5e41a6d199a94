// Generated like x86_tables.h.
enum { HASH_FACTOR = 5, MAX_PREFIXES = 8 };
