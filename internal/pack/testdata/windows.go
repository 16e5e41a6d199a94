package main

import (
	"fmt"
	"os"
	"sync"
)

func main() {
	defer func() {
		fmt.Println("recovered", recover() != nil)
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() { fmt.Println("goroutine") })
		}
		wait.Wait()
		os.Exit(4)
	}()
	fmt.Println(os.Args[1:])
	var none *int
	*none = 1 // an exception that the runtime handles
}
