package pack

import (
	"os"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	name := os.Getenv("TRY")
	if name == "" {
		t.Skip()
	}
	data, _ := os.ReadFile(name)
	t0 := time.Now()
	out, r, err := Pack(data, Options{FastStart: os.Getenv("FAST") != ""})
	if err != nil {
		t.Fatal(err, r)
	}
	t.Logf("%v %+v", time.Since(t0), *r)
	os.WriteFile("/tmp/pack-out", out, 0o755)
}
