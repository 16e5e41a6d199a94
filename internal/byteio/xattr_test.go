//go:build linux

package byteio

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExtendedAttributesStay(t *testing.T) {
	path, _ := inFolder(t, 0o755)
	if err := unix.Setxattr(path, "user.origin", []byte("release pipeline"), 0); err != nil {
		t.Skip("the file system has no user attributes:", err)
	}
	if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: reopen(t, path)}); err != nil {
		t.Fatal(err)
	}
	got, err := readXattr(func(b []byte) (int, error) { return unix.Getxattr(path, "user.origin", b) })
	if err != nil || string(got) != "release pipeline" {
		t.Errorf("attribute %q, error %v", got, err)
	}
}

func TestCapabilitiesStay(t *testing.T) {
	path, _ := inFolder(t, 0o755)
	if out, err := exec.Command("setcap", "cap_net_raw+ep", path).CombinedOutput(); err != nil {
		t.Skipf("setcap: %v %s", err, out)
	}
	want, _ := readXattr(func(b []byte) (int, error) { return unix.Getxattr(path, "security.capability", b) })
	if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: reopen(t, path)}); err != nil {
		t.Fatal(err)
	}
	got, err := readXattr(func(b []byte) (int, error) { return unix.Getxattr(path, "security.capability", b) })
	if err != nil || len(want) == 0 || string(got) != string(want) {
		t.Errorf("capability %x, want %x, error %v", got, want, err)
	}
}

func TestACLStays(t *testing.T) {
	path, _ := inFolder(t, 0o750)
	if out, err := exec.Command("setfacl", "-m", "u:nobody:rx", path).CombinedOutput(); err != nil {
		t.Skipf("setfacl: %v %s", err, out)
	}
	want, _ := readXattr(func(b []byte) (int, error) { return unix.Getxattr(path, "system.posix_acl_access", b) })
	if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: reopen(t, path)}); err != nil {
		t.Fatal(err)
	}
	got, err := readXattr(func(b []byte) (int, error) { return unix.Getxattr(path, "system.posix_acl_access", b) })
	if err != nil || len(want) == 0 || string(got) != string(want) {
		t.Errorf("ACL %x, want %x, error %v", got, want, err)
	}
}

func TestOwnerStays(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	path, _ := inFolder(t, 0o755)
	if err := os.Chown(path, 1234, 4321); err != nil {
		t.Skip(err)
	}
	if err := os.Chmod(path, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteFile(t.Context(), path, newContent(), WriteOptions{Like: reopen(t, path)}); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if st.Uid != 1234 || st.Gid != 4321 || st.Mode&0o7777 != 0o4755 {
		t.Errorf("owner %d:%d mode %o", st.Uid, st.Gid, st.Mode)
	}
}
