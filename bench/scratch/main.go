package main

import (
	"fmt"
	"os"

	"github.com/minsize/minsize/internal/strip"
)

func main() {
	lv := map[string]strip.Level{"debug": 1, "all": 2, "sections": 3, "max": 4}[os.Args[1]]
	if len(os.Args) == 4 && os.Args[2] != "-s" {
		d, _ := os.ReadFile(os.Args[2])
		out, r, err := strip.Rewrite(d, strip.Options{Level: lv})
		fmt.Printf("%+v %v\n", r, err)
		if err == nil {
			os.WriteFile(os.Args[3], out, 0o755)
		}
		return
	}
	for _, p := range os.Args[3:] {
		d, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		out, r, err := strip.Rewrite(d, strip.Options{Level: lv})
		if err != nil {
			fmt.Println(p, err)
			continue
		}
		var sum int64
		for _, n := range r.Removed {
			sum += n
		}
		if sum != r.Saved() {
			fmt.Println(p, "SUM", sum, r.Saved(), r)
		}
		if len(r.Notes) > 0 {
			fmt.Println(p, r.Notes)
		}
		again, _, err := strip.Rewrite(out, strip.Options{Level: lv})
		if err != nil || string(again) != string(out) {
			fmt.Println(p, "NOT IDEMPOTENT", err, len(out), len(again))
		}
	}
}
