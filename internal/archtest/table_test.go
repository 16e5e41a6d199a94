package archtest

// lane is one of the ways that data takes through the house.
type lane struct {
	name string
	rows []row
}

// row is a package of internal/: what it imports, what its tests import
// besides, and what it holds. docs/architecture.md is drawn from these rows by
// `go test ./internal/archtest -update`; a permission that nobody uses fails.
type row struct {
	pkg, imports, tests, holds string
}

var house = []lane{
	{"a file's bytes", []row{
		{"objfile", "byteio machine relr", "testbin", "one `File` model for ELF, PE, Mach-O, Wasm, archives; the raw headers under the standards' names; separate debug files"},
		{"dwarf", "byteio objfile", "", "units, functions, inlined calls, lines, statics of DWARF 2 to 5; split units and where to find them"},
		{"pdb", "byteio", "", "modules, contributions and symbols of Microsoft's program databases"},
		{"attrib", "byteio demangle dwarf machine machinecode objfile pdb rangemap region", "strip testbin", "an owner for every byte, sources strong to weak, `[Unmapped]` last, sums checked at every run; the views"},
		{"refgraph", "attrib byteio demangle dwarf machinecode objfile", "", "nodes by index, frozen; edges, roots, dominators, retained sizes, paths, why; Wasm modules as Twiggy sees them"},
		{"budget", "arrange attrib region toml", "", "limits on any row of any view, and the verdict on a program"},
		{"history", "arrange attrib byteio process", "testbin", "a line of JSON for each build, and what changed between two"},
		{"wasmedit", "byteio machinecode objfile", "testbin wasmoracle", "Wasm modules written anew, smaller: reach, equal functions, short numbers, data without zeros"},
		{"wasmoracle", "machinecode objfile", "", "whether two Wasm modules do the same, shown pair by pair from the exports on"},
		{"strip", "arrange byteio machine objfile oracle relocate wasmedit wasmoracle", "relr testbin", "levels and policy, a file per format; debug companions and symbol files"},
		{"oracle", "byteio", "testbin", "what a loader or linker makes of a file, read by code of its own; every rewriter is judged by it"},
		{"pack", "byteio machine objfile pack/codec pack/stub", "", "transforms of an ELF image, the choice of codec, the packed file's layout; unpack"},
		{"pack/codec", "", "golden", "LZMA, XLZ and their parser and decoders, a file per stage"},
		{"pack/stub", "", "", "machine code of the stubs, with their sources beside the blobs"},
		{"parcel", "byteio deflate", "", "wheels and npm packages: what is native in them rewritten, their own hashes made anew, every other byte kept"},
		{"oci", "byteio machine objfile", "testbin", "the dynamic linker's closure, layers, images, SBOM, outputs, inspection"},
		{"relocate", "byteio objfile relr", "machine objedit", "files whose packed relative relocations apply themselves: as they are linked, and finished ones, there and back"},
		{"deflate", "", "", "DEFLATE written as small as that goes: blocks parsed as shortest ways"},
		{"relr", "machine", "", "code that applies packed relative relocations without the loader"},
		{"machine", "machinecode", "", "a value for each processor: names, numbers, relocations, stubs; whoever asks which machine it is asks the value"},
		{"machinecode", "", "", "references out of x86-64 and AArch64 code, and out of Wasm"},
		{"region", "arrange objfile", "", "the memories of a bare machine, from a linker script or the segments, and what a program takes of each"},
		{"rangemap", "", "", "every byte has exactly one label"},
	}},
	{"a cargo project", []row{
		{"cargo", "arrange artefact launch process target toml", "", "metadata, profiles, flags with their precedence, toolchains, linkers that really work, builds"},
		{"objedit", "byteio machine objfile", "", "relocatable objects, a file per format, and archives: stub a function, take a section out, leave the rest byte for byte"},
		{"tune", "", "", "which calls of a program are inlined, found out by compiling both ways: the textual module, trials, the model, choices by content"},
		{"relink", "arrange artefact byteio demangle machine objedit relocate relr target tune wasmedit wasmoracle", "", "the recorder (cargo's linker while a build runs), link replay, the catalogue of cuts, codegen replay, what cutting would save"},
		{"technique", "artefact relink target", "golden", "the catalogue: what each technique sets, loses, risks, needs; risk classes and levels"},
		{"ladder", "arrange technique", "artefact target", "the search and its limits; declares `Builder`, `Verifier`, `Bencher`, which executor, verify and speed are and tests fake"},
		{"verify", "artefact process", "", "run before and after, compare exit status, output, files; the verdict with its reason"},
		{"apply", "byteio cargo launch technique toml", "", "chosen settings as the smallest edit of manifest and config, preview, undo to the byte"},
		{"recipe", "byteio cargo technique toml", "", "minsize.toml: a plan as text, the conditions it was found under, which of a workspace's files is meant"},
		{"speed", "arrange artefact byteio cargo demangle ladder objfile process technique", "", "a bench that is judged before it is believed, and the packages that it spends its time in"},
		{"executor", "artefact byteio cargo dwarf ladder launch objedit objfile oracle pack recipe relink strip target technique tune verify", "testbin", "a plan becomes a finished file: full builds, replays, rewrites, symbol files, proofs; what is kept of a run"},
		{"precedent", "", "", "commands that a project itself shows, in its README and tests, as proposals for checks"},
		{"rustsyntax", "", "", "a lossless lexer and a parser of items"},
		{"outline", "apply cargo rustsyntax strip verify", "golden", "which generic functions can be outlined, the rewrite, the proof in a scratch copy"},
		{"artefact", "byteio target", "", "program, library, static library: what a build makes, which host loads it and where"},
		{"target", "machine", "", "a triple taken apart once: machine, system, C library, object format, what runs its programs here"},
		{"llvmlines", "cargo demangle", "", "lines of LLVM IR per generic"},
	}},
	{"both", []row{
		{"cli", "advice apply artefact attrib budget byteio cargo dwarf executor forge history inspect ladder launch llvmlines manual objfile oci outline pack parcel precedent recipe refgraph region relink report saving speed stream strip target technique toml tune verify", "golden testbin",
			"`cli.go` command table and exit statuses, `flags.go` what was typed; a file per verb: resolve options, call the stages in order, hand one result to report"},
		{"manual", "byteio report", "", "help and manual pages, set from the command table"},
		{"inspect", "attrib byteio cargo dwarf objfile oci pack pdb refgraph strip", "testbin", "finished programs opened to be looked at, with the files that their names and debug information lie in"},
		{"advice", "attrib byteio cargo objfile target", "testbin", "a name becomes a step that somebody can take: about findings, about what a project brings along, after a search"},
		{"saving", "arrange attrib byteio cargo demangle dwarf machinecode objfile outline refgraph rustsyntax", "inspect", "what to change in a program's own code: a table of finders, and a bench that tries in a copy what needs no understanding"},
		{"report", "apply arrange attrib budget byteio cargo history ladder llvmlines oci outline pack refgraph region saving strip target technique", "golden", "a result becomes one `Document`, once (a file per result); a writer per format and one line in `formats`; `assets/` scripts of the HTML figures"},
		{"forge", "", "", "what GitHub is told of a run: its pull request's one comment, kept up to date"},
		{"arrange", "", "", "lists sorted by one copy of the machine code"},
		{"launch", "", "", "minsize started under another name, where a link cannot be had; whether a link concerns it, and who links else"},
		{"stream", "byteio", "", "what can only be written on: answers, terminals, pipes, descriptors; the moving line"},
		{"byteio", "", "", "bounded reads, checked arithmetic, mapped input, transactional output"},
		{"process", "", "", "children in groups of their own, with the cost of the whole tree"},
		{"demangle", "", "", "Rust names taken apart; C++ by a library"},
		{"toml", "", "", "one setting changed, every other byte kept"},
	}},
	{"tests only", []row{
		{"testbin", "", "", "the smallest valid file of each format"},
		{"golden", "", "", "what a test makes, held to what is committed; `-update`, and no orphans"},
		{"archtest", "", "golden", "this table, and traps that a grep can find"},
	}},
}
