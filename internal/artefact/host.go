package artefact

import "strings"

// Host is a program that loads libraries by name, and how it is told by what
// they export.
type Host struct {
	Name    string
	Exports string // a name; with * behind it, the beginning of one
	Check   string // a command that loads the library, as behind --check; "" for none. NAME is what * stands for
}

// hosts are those that people write extensions for. What none of them asks
// for is a library that programs are linked against.
var hosts = []Host{
	{"Python", "PyInit_*", `python3 -c 'import sys, importlib.machinery as m, importlib.util as u
l = m.ExtensionFileLoader("NAME", sys.argv[1])
x = u.module_from_spec(u.spec_from_loader("NAME", l))
l.exec_module(x)
print(sorted(dir(x)))' {}`},
	{"Node", "napi_register_module_v1", `node -e 'const m = {exports: {}}; process.dlopen(m, process.argv[1]); console.log(Object.keys(m.exports).sort())' {}`},
	{"Java", "JNI_OnLoad", ""},
	{"Java", "Java_*", ""},
	{"Ruby", "Init_*", ""},
	{"Lua", "luaopen_*", ""},
	{"R", "R_init_*", ""},
	{"Erlang", "nif_init", ""},
	{"PostgreSQL", "Pg_magic_func", ""},
	{"SQLite", "sqlite3_*_init", ""},
}

// HostOf is the host that a library is an extension of, by the names that it
// exports; nil for none.
func HostOf(exports []string) *Host {
	for i := range hosts {
		begin, end, open := strings.Cut(hosts[i].Exports, "*")
		for _, name := range exports {
			rest, ok := strings.CutPrefix(name, begin)
			if !ok || !open && rest != "" || open && (len(rest) <= len(end) || !strings.HasSuffix(rest, end)) {
				continue
			}
			h := hosts[i]
			h.Check = strings.ReplaceAll(h.Check, "NAME", strings.TrimSuffix(rest, end))
			return &h
		}
	}
	return nil
}
