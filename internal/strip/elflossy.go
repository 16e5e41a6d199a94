package strip

// withoutLossy returns data as it is when no lossy option is set.
func withoutLossy(data []byte, o Options) ([]byte, error) { return data, nil }
