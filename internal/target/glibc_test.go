package target

import "testing"

func TestGlibc(t *testing.T) {
	for text, want := range map[string][2]int{
		"2.17": {2, 17}, "2.36": {2, 36}, "manylinux1": {2, 5}, "manylinux2014": {2, 17}, "manylinux2014_aarch64": {2, 17},
		"manylinux_2_28": {2, 28}, "manylinux_2_28_x86_64": {2, 28},
		"": {}, "2": {}, "2.x": {}, "2.17.1": {}, "x2.17": {}, "manylinux": {}, "manylinux2015": {}, "manylinux_2": {}, "musllinux_1_2": {}, "2.17-rc": {},
	} {
		got, err := Glibc(text)
		if got != want || (err == nil) != (want != [2]int{}) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}
