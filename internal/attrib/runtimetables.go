package attrib

// Functions that only a language's runtime table or a loader's table knows:
// Go's pclntab (a stripped Go program keeps it), PE's .pdata, Mach-O's
// LC_FUNCTION_STARTS. Each reader is one line of addRuntimeFunctions.

func (c *collector) addRuntimeFunctions() {
	c.addGoFunctions()
}
