package oci

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// What is said of an image in one word of a command line.

// User is whom an image runs as.
type User struct {
	Name     string // for a passwd entry; "" for none
	UID, GID int
}

// Nobody is the user that an image runs as unless another is named: the number
// that distroless images call nonroot.
var Nobody = User{UID: 65532, GID: 65532}

func (u User) String() string { return fmt.Sprintf("%d:%d", u.UID, u.GID) }

// ParseUser reads [name:]uid[:gid].
func ParseUser(text string) (User, error) {
	u := Nobody
	bad := fmt.Errorf("%q: expected [name:]uid[:gid]", text)
	parts := strings.Split(text, ":")
	if _, err := strconv.Atoi(parts[0]); err != nil && parts[0] != "" {
		if u.Name = parts[0]; strings.ContainsAny(u.Name, "\n/ ") {
			return u, bad
		}
		if parts = parts[1:]; len(parts) == 0 {
			return u, nil
		}
	}
	var err error
	if u.UID, err = strconv.Atoi(parts[0]); err != nil || u.UID < 0 || len(parts) > 2 {
		return u, bad
	}
	u.GID = u.UID
	if len(parts) == 2 {
		if u.GID, err = strconv.Atoi(parts[1]); err != nil || u.GID < 0 {
			return u, bad
		}
	}
	return u, nil
}

// ParsePairs reads words NAME=VALUE; of one name the last counts.
func ParsePairs(list []string) (map[string]string, error) {
	var pairs map[string]string
	for _, pair := range list {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q: expected NAME=VALUE", pair)
		}
		if pairs == nil {
			pairs = map[string]string{}
		}
		pairs[name] = value
	}
	return pairs, nil
}

// ParseFileArg reads SRC:DST.
func ParseFileArg(text string) (FileArg, error) {
	source, target, ok := strings.Cut(text, ":")
	if !ok || source == "" || !path.IsAbs(target) {
		return FileArg{}, fmt.Errorf("%q: expected SRC:DST, DST absolute", text)
	}
	return FileArg{Source: source, Target: path.Clean(target)}, nil
}
