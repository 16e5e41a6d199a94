package relink

// The catalogue of cuts: functions that keep large parts of a program alive
// and that a user can do without, each with what is lost. A cut is one entry
// here; the consistency test says what an entry lacks, and behaviour tests
// (catalogue_test.go) show for each what it loses and that nothing else
// changed.
//
// Several names for one function are the names that it has had in different
// versions of std or of the crate. A name that is not there is no error: what
// the program does not have needs no cutting.

import "slices"

// Risk says who has to agree to a cut.
type Risk string

const (
	RiskDebuggability Risk = "debuggability" // debuggers and backtraces see less; the program does the same
	RiskBehaviour     Risk = "behaviour"     // the program does something else in some situation
	RiskAsked         Risk = "asked"         // never without being asked for by name
	RiskSpeed         Risk = "speed"         // the program does the same, slower: by name
)

// Need is a condition on the program that a cut is for.
type Need string

const (
	NeedAbort    Need = "panic=abort"      // panics do not unwind
	NeedUnwind   Need = "panic=unwind"     // they do; for those that do not there is a better entry
	NeedStripped Need = "stripped symbols" // the program carries no names anyway
	NeedBaseline Need = "baseline CPU"     // code is not compiled for more than the machine's least processor
)

// CatalogueCut is one entry.
type CatalogueCut struct {
	Cut
	Summary string // what is cut, one plain sentence
	Loses   []Loss
	Against []Kind // see Option
	Risk    Risk
	Needs   []Need
	Dead    bool   // where Needs are met, nothing of Rust's reaches it
	Crate   string // whose functions they are
}

// std's panic entry points. All diverge, so a trap fits; by std version: the
// first lines are of 1.81 and later.
var panicEntries = []string{
	"core::panicking::panic_fmt", "core::panicking::panic_nounwind_fmt", "core::panicking::panic_nounwind", "core::panicking::panic_nounwind_nobacktrace",
	"core::panicking::panic", "core::panicking::panic_explicit", "core::panicking::panic_display", "core::panicking::panic_str_2015", "core::panicking::panic_str_literal", "core::panicking::panic_str",
	"core::panicking::unreachable_display", "core::panicking::panic_bounds_check", "core::panicking::panic_misaligned_pointer_dereference", "core::panicking::panic_null_pointer_dereference",
	"core::panicking::panic_invalid_enum_construction", "core::panicking::panic_cannot_unwind", "core::panicking::panic_in_cleanup", "core::panicking::const_panic_fmt",
	"core::panicking::panic_const::panic_const_*", "core::panicking::assert_failed", "core::panicking::assert_failed_inner", "core::panicking::assert_matches_failed",
	"core::option::unwrap_failed", "core::option::expect_failed", "core::result::unwrap_failed",
	"core::slice::index::slice_index_fail", "core::slice::index::slice_start_index_len_fail", "core::slice::index::slice_end_index_len_fail", "core::slice::index::slice_index_order_fail",
	"core::slice::index::slice_start_index_overflow_fail", "core::slice::index::slice_end_index_overflow_fail", "core::slice::index::slice_*_fail_rt", "core::slice::index::slice_*_fail::do_panic::runtime",
	"core::slice::copy_from_slice_impl::len_mismatch_fail", "core::slice::*::copy_from_slice::len_mismatch_fail*", "core::slice::sort::shared::smallsort::panic_on_ord_violation",
	"core::str::slice_error_fail", "core::str::slice_error_fail_rt",
	"core::cell::panic_already_borrowed", "core::cell::panic_already_mutably_borrowed", "core::cell::once::panic_*",
	"alloc::raw_vec::capacity_overflow", "alloc::raw_vec::handle_error", "alloc::alloc::handle_alloc_error", "alloc::alloc::handle_alloc_error::rt_error", "__rustc::__rust_alloc_error_handler", "alloc::vec::*::assert_failed",
	"std::panicking::begin_panic", "std::panicking::begin_panic::{closure}", "std::panicking::begin_panic_handler", "std::panicking::begin_panic_handler::{closure}", "std::panicking::panic_handler", "std::panicking::panic_handler::{closure}", "__rustc::rust_begin_unwind", "rust_begin_unwind",
	"std::panicking::panic_with_hook", "std::panicking::rust_panic_with_hook", "std::panicking::resume_unwind", "std::panicking::rust_panic_without_hook", "std::panicking::default_hook",
	"std::alloc::default_alloc_error_hook", "std::alloc::rust_oom",
}

// rawStderr writes std's own last words ("fatal runtime error: ..."); eprintln
// and std::io::stderr() do not come here.
var rawStderr = []string{
	"<std::sys::stdio::unix::Stderr as std::io::Write>::write_fmt", "<std::sys::pal::unix::stdio::Stderr as std::io::Write>::write_fmt",
	"<std::sys::stdio::windows::Stderr as std::io::Write>::write_fmt", "<std::sys::pal::windows::stdio::Stderr as std::io::Write>::write_fmt",
}

// vectoredHandlers see exceptions first, and name the thread whose stack
// overflowed; what they return is EXCEPTION_CONTINUE_SEARCH.
var vectoredHandlers = []string{"std::sys::pal::windows::stack_overflow::vectored_handler", "std::sys::windows::stack_overflow::vectored_handler"}

func sites(stub Stub, patterns ...string) []Site {
	var list []Site
	for _, p := range patterns {
		list = append(list, Site{p, stub})
	}
	return list
}

// Catalogue is the table, in the order in which the ladder tries it.
var Catalogue = []CatalogueCut{
	{
		// Without it there is never a name to keep or to show, so the demangler goes too.
		Cut: Cut{Name: "std-symbolizer", Sites: append(sites(StubReturn, "std::backtrace_rs::symbolize::gimli::Cache::with_global"),
			append(sites(StubZero, "<std::backtrace_rs::symbolize::SymbolName as core::fmt::Display>::fmt"),
				sites(StubReturn, "std::backtrace::helper::lazy_resolve::{closure}::{closure}", "std::backtrace::Capture::resolve::{closure}")...)...)},
		Summary: "std's reader of debug information, by which backtraces get function names and line numbers",
		Loses:   Losing("names in the program's own backtraces, which a stripped program has none of: what goes is reading them from a separate debug file, and the exported names of shared libraries"),
		Risk:    RiskDebuggability, Needs: []Need{NeedStripped}, Crate: "std",
	},
	{
		Cut: Cut{Name: "backtrace-printer", Sites: sites(StubZero,
			"<std::sys::backtrace::BacktraceLock::print::DisplayBacktrace as core::fmt::Display>::fmt",
			"<std::sys_common::backtrace::_print::DisplayBacktrace as core::fmt::Display>::fmt")},
		Summary: "the printer of a panic's stack frames",
		Loses:   Losing("RUST_BACKTRACE=1 prints no frames after a panic; the panic's message and location stay"),
		Risk:    RiskDebuggability, Needs: []Need{NeedStripped}, Crate: "std",
	},
	{
		Cut: Cut{Name: "stack-overflow-message", Sites: slices.Concat(
			sites(StubDefaultSignal, "std::sys::pal::unix::stack_overflow::imp::signal_handler", "std::sys::unix::stack_overflow::imp::signal_handler"),
			sites(StubZero, "std::sys::pal::unix::stack_overflow::imp::make_handler", "std::sys::unix::stack_overflow::imp::make_handler"),
			sites(StubReturn, "std::sys::pal::unix::stack_overflow::thread_info::set_current_info"),
			// The map of threads stays empty then, and nothing is ever taken out of it.
			sites(StubTrap, "*std::sys::pal::unix::stack_overflow::thread_info::ThreadInfo*remove_leaf_kv*"),
			sites(StubZero, vectoredHandlers...))},
		Summary: "the handler that names the thread whose stack overflowed",
		Loses: []Loss{{What: "the sentence \"thread ... has overflowed its stack\"; the process still dies, by SIGSEGV instead of SIGABRT",
			Module:  "the sentence \"thread ... has overflowed its stack\", which no module prints",
			Windows: "the sentence \"thread ... has overflowed its stack\"; the process still ends by 0xC00000FD", Shown: []Kind{SignalHandler}}},
		Risk: RiskAsked, Crate: "std",
	},
	{
		Cut:     Cut{Name: "unwinder", Sites: sites(StubTrap, "_Unwind_Resume")},
		Summary: "the program's way back into the unwinder",
		Loses: []Loss{{What: "C++ exceptions and C cleanup handlers that pass through functions of this link: they end in SIGILL",
			Module:  "C++ exceptions and C cleanup handlers that pass through functions of this link: they end in a trap",
			Windows: "C++ exceptions and C cleanup handlers that pass through functions of this link: they end by 0xC000001D"}},
		Risk: RiskBehaviour, Needs: []Need{NeedAbort}, Dead: true, Crate: "std",
		Against: []Kind{ForeignUnwind, LoadsLibraries, ExportsSymbols},
	},
	{
		Cut:     Cut{Name: "silent-panics", Sites: slices.Concat(sites(StubTrap, panicEntries...), sites(StubZero, rawStderr...), sites(StubZero, vectoredHandlers...))},
		Summary: "every function by which a panic begins",
		Loses: []Loss{{What: "panic messages, panic hooks and the runtime's last words (\"fatal runtime error\"): a panic dies at once by an illegal instruction (SIGILL), as with panic=immediate-abort",
			Bare:    "the #[panic_handler]: a panic is an illegal instruction at once, and the machine's handler of faults is called",
			Module:  "panic messages, panic hooks and the runtime's last words (\"fatal runtime error\"): a panic is a trap at once, as with panic=immediate-abort",
			Windows: "panic messages, panic hooks and the runtime's last words (\"fatal runtime error\", \"thread ... has overflowed its stack\"): a panic ends the process at once by an illegal instruction (0xC000001D), as with panic=immediate-abort", Shown: []Kind{PanicHook, SignalHandler}}},
		Risk: RiskBehaviour, Needs: []Need{NeedAbort}, Crate: "std",
	},
	{
		// What -Z fmt-debug=none gives on nightly, and a little more: there an
		// impl written by hand, called by its name, still prints.
		Cut:     Cut{Name: "debug-formats", Sites: sites(StubZero, "<* as core::fmt::Debug>::fmt")},
		Summary: "every implementation of Debug",
		Loses:   Losing("{:?} prints nothing, nor does what is displayed by way of it, such as tracing's messages and the error that main returns", DebugShown),
		Risk:    RiskBehaviour, Crate: "std",
	},
	{
		Cut: Cut{Name: "error-backtraces", Sites: sites(StubZero, "<std::backtrace::Backtrace as core::fmt::Display>::fmt", "<std::backtrace::Backtrace as core::fmt::Debug>::fmt",
			// Where LTO has put Display into its only caller, this is what is left of it.
			"std::backtrace_rs::print::BacktraceFrameFmt::print_raw_with_column")},
		Summary: "the printer of std::backtrace::Backtrace, which anyhow, eyre and others keep with errors",
		Loses:   Losing("the stack frames that errors carry and panics print under RUST_BACKTRACE=1, and those that the program prints itself", StackWalk, ErrorBacktrace),
		Risk:    RiskBehaviour, Crate: "std",
	},
	{
		Cut:     Cut{Name: "clap-help", Sites: sites(StubReturn, "clap_builder::output::help_template::HelpTemplate::write_templated_help")},
		Summary: "the writer of clap's help texts",
		Loses:   Losing("--help prints an empty text"),
		Risk:    RiskAsked, Crate: "clap_builder",
	},
	{
		Cut:     Cut{Name: "clap-usage", Sites: sites(StubZero, "clap_builder::output::usage::Usage::write_usage_no_title", "clap_builder::output::usage::Usage::create_usage_no_title")},
		Summary: "the writer of clap's usage line",
		Loses:   Losing("help texts and errors have no line \"Usage: ...\""),
		Risk:    RiskAsked, Crate: "clap_builder",
	},
	{
		Cut:     Cut{Name: "clap-suggestions", Sites: sites(StubZeroFloat, "strsim::jaro", "strsim::jaro_winkler")},
		Summary: "the comparison of mistyped arguments with the known ones",
		Loses:   Losing("errors have no line \"tip: a similar argument exists\""),
		Risk:    RiskBehaviour, Crate: "strsim",
	},
	{
		Cut:     Cut{Name: "terminal-styles", Sites: sites(StubZero, "anstyle::style::Style::fmt_to")},
		Summary: "the escape sequences of crate anstyle, which clap and env_logger write with",
		Loses:   Losing("colours and bold text of help texts, errors and log lines on a terminal"),
		Risk:    RiskBehaviour, Crate: "anstyle",
	},
	{
		Cut:     Cut{Name: "log-timestamps", Sites: sites(StubZero, "<env_logger::fmt::humantime::Timestamp as core::fmt::Display>::fmt")},
		Summary: "the calendar behind env_logger's timestamps",
		Loses:   Losing("log lines have an empty time"),
		Risk:    RiskAsked, Crate: "env_logger",
	},
	{
		// What std says of the processor is nothing, so that the variants for
		// larger ones are never chosen; a trap in each of them keeps that honest.
		Cut: Cut{Name: "simd-dispatch", Gate: &Gate{"std_detect::detect::cache::detect_and_initialize", "std_detect::detect::cache::CACHE"}, Sites: append(sites(StubZeroPair, "std_detect::detect::cache::detect_and_initialize"),
			sites(StubTrap, "aho_corasick::packed::teddy::builder::x86_64::*::new_unchecked", "memchr::arch::x86_64::memchr::*::find_avx2",
				"memchr::memmem::searcher::searcher_kind_avx2", "memchr::memmem::searcher::prefilter_kind_avx2",
				"memchr::arch::x86_64::avx2::*::find_raw*", "memchr::arch::x86_64::avx2::*::rfind_raw*", "memchr::arch::x86_64::avx2::*::find*_impl", "memchr::arch::x86_64::avx2::*::with_pair_impl")...)},
		Summary: "the variants of searching (memchr, aho-corasick, regex) for processors with SSSE3 and AVX2",
		Loses:   Losing("speed: a search for any of several words takes 3 to 15 times as long; is_x86_feature_detected! says no to all that the program is not compiled for"),
		Risk:    RiskSpeed, Needs: []Need{NeedBaseline}, Crate: "aho_corasick",
	},
	{
		Cut: Cut{Name: "json-error-values", Sites: sites(StubZero, "<serde_json::error::JsonUnexpected as core::fmt::Display>::fmt",
			"<serde_core::de::Unexpected as core::fmt::Display>::fmt", "<serde::de::Unexpected as core::fmt::Display>::fmt")},
		Summary: "serde's words for a value of the wrong type, and the printing of floats behind them",
		Loses:   Losing("serde's error messages do not say which value was found: \"invalid type: , expected a string\""),
		Risk:    RiskBehaviour, Crate: "serde_json",
	},
	{
		Cut:     Cut{Name: "jiff-errors", Sites: sites(StubZero, "<jiff::error::Error as core::fmt::Display>::fmt", "<jiff::error::ErrorKind as core::fmt::Display>::fmt")},
		Summary: "the texts of crate jiff's errors about dates and times",
		Loses:   Losing("errors about dates and times have an empty text"),
		Risk:    RiskAsked, Crate: "jiff",
	},
	{
		Cut:     Cut{Name: "chrono-formats", Sites: sites(StubZero, "<chrono::format::formatting::DelayedFormat as core::fmt::Display>::fmt", "chrono::format::formatting::DelayedFormat::format*")},
		Summary: "crate chrono's formatting by a pattern",
		Loses:   Losing("dates and times that chrono formats by a pattern (%Y-%m-%d) are empty"),
		Risk:    RiskAsked, Crate: "chrono",
	},
	{
		Cut:     Cut{Name: "text-decoders", Sites: sites(StubTrap, "encoding_rs::variant::VariantDecoder::decode_to_utf8_raw", "encoding_rs::variant::VariantDecoder::decode_to_utf16_raw")},
		Summary: "the decoders of crate encoding_rs and their tables",
		Loses: []Loss{{What: "text in another encoding than UTF-8 (UTF-16, Latin-1, Shift_JIS, GB18030, ...) that is decoded ends the program by an illegal instruction",
			Module: "text in another encoding than UTF-8 (UTF-16, Latin-1, Shift_JIS, GB18030, ...) that is decoded ends the module by a trap"}},
		Risk: RiskAsked, Crate: "encoding_rs",
	},
	{
		Cut:     Cut{Name: "regex-properties", Sites: sites(StubTrap, "regex_syntax::hir::translate::TranslatorI::hir_unicode_class")},
		Summary: "regex's tables of Unicode properties, for patterns with \\p{...}",
		Loses: []Loss{{What: "a pattern with \\p{...} or \\P{...} ends the program by an illegal instruction; \\w, \\d, \\s and (?i) work as before",
			Module: "a pattern with \\p{...} or \\P{...} ends the module by a trap; \\w, \\d, \\s and (?i) work as before"}},
		Risk: RiskAsked, Crate: "regex_syntax",
	},
}

// CutByName returns the catalogue's entry, or nil.
func CutByName(name string) *CatalogueCut {
	for i := range Catalogue {
		if Catalogue[i].Name == name {
			return &Catalogue[i]
		}
	}
	return nil
}
