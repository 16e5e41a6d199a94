package demangle

import "strings"

// decodePunycode decodes v0's variant of Punycode (RFC 3492): the delimiter
// is "_", digits are a-z, 0-9.
func decodePunycode(s string) ([]rune, bool) {
	const base, tmin, tmax, skew, damp = 36, 1, 26, 38, 700
	var out []rune
	if i := strings.LastIndexByte(s, '_'); i >= 0 {
		out = []rune(s[:i])
		s = s[i+1:]
	}
	if s == "" {
		return nil, false
	}
	n, i, bias := 128, 0, 72
	for first := true; len(s) > 0; first = false {
		old, weight := i, 1
		for k := base; ; k += base {
			if s == "" {
				return nil, false
			}
			c := s[0]
			s = s[1:]
			digit := 0
			switch {
			case c >= 'a' && c <= 'z':
				digit = int(c - 'a')
			case c >= '0' && c <= '9':
				digit = int(c-'0') + 26
			default:
				return nil, false
			}
			i += digit * weight
			if i > 1<<30 {
				return nil, false
			}
			t := min(max(k-bias, tmin), tmax)
			if digit < t {
				break
			}
			if weight *= base - t; weight > 1<<30 {
				return nil, false
			}
		}
		length := len(out) + 1
		delta := (i - old) / 2
		if first {
			delta = (i - old) / damp
		}
		delta += delta / length
		k := 0
		for ; delta > (base-tmin)*tmax/2; k += base {
			delta /= base - tmin
		}
		bias = k + (base-tmin+1)*delta/(delta+skew)
		n += i / length
		i %= length
		if n > 0x10ffff || n >= 0xd800 && n < 0xe000 {
			return nil, false
		}
		out = append(out, 0)
		copy(out[i+1:], out[i:])
		out[i] = rune(n)
		i++
	}
	return out, true
}
