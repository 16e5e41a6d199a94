// A Go program that tells how it was loaded, as sample.c does for C.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
)

var table = map[string]int{"alpha": 1, "beta": 2, "gamma": 3}
var zeros [100000]byte

func main() {
	fmt.Println("args", os.Args)
	fmt.Println("environment", strings.Join(os.Environ(), " "))
	sum := 0
	for _, z := range zeros {
		sum += int(z)
	}
	var wait sync.WaitGroup
	var lock sync.Mutex
	for i := range 20 { // threads, stacks that grow, garbage
		wait.Go(func() {
			n := len(strings.Repeat("x", i*1000))
			lock.Lock()
			defer lock.Unlock()
			sum += n + table["beta"]
		})
	}
	wait.Wait()
	runtime.GC()
	func() {
		defer func() { fmt.Println("recovered", recover(), sum) }() // unwinds by pclntab
		var none []int
		fmt.Println(none[sum])
	}()
	_, file, _, _ := runtime.Caller(0)
	fmt.Println("sample.go", strings.HasSuffix(file, "sample.go"))
	if len(os.Args) > 1 && os.Args[1] == "maps" {
		maps, err := os.ReadFile("/proc/self/maps")
		fmt.Fprintf(os.Stderr, "%s%v\n", maps, err)
	}
	os.Exit(3)
}
