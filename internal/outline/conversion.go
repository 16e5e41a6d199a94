// Package outline finds generic functions whose type parameters serve one
// conversion at the head, and moves the rest of the body into a function that
// is compiled once (what the momo macro does inside a crate, done from outside
// as a patch).
//
// What is hard is not the move but knowing when it changes nothing: the
// conversion comes before the body now, so nothing with an effect may have
// stood before it; the argument itself is no longer there in the body, so
// nothing else may have looked at it; and an inner function sees neither self
// nor the outer generics. Chosen: understand a few shapes completely and
// refuse every other one by name (refusals below). Rejected: rewriting and
// letting the compiler judge alone; it does not see order of effects.
package outline

// conversion is one trait whose method turns the argument into what the body
// works with.
type conversion struct {
	trait    string
	method   string
	target   string // prefix of the inner parameter's type, before the trait's argument
	fixed    string // the inner parameter's type when the trait has no argument
	pure     bool   // calling it early, never or twice cannot be seen: by the trait's contract it only gives a reference
	fallible bool   // gives a Result; only with ? or unwrap at the head

	// stays is what an outer function keeps of the code that all instances have
	// in common, in bytes: the conversion, the end of the argument, the call and
	// its unwind entry. Measured by bench/outline on x86-64 at opt-level z.
	stays uint64
}

// conversions is the table of what is understood; a new trait is one line.
var conversions = []conversion{
	{trait: "AsRef", method: "as_ref", target: "&", pure: true, stays: 92},
	{trait: "AsMut", method: "as_mut", target: "&mut ", pure: true, stays: 92},
	{trait: "Borrow", method: "borrow", target: "&", pure: true, stays: 92},
	{trait: "BorrowMut", method: "borrow_mut", target: "&mut ", pure: true, stays: 92},
	{trait: "Into", method: "into", stays: 85},
	{trait: "TryInto", method: "try_into", fallible: true, stays: 92},
	{trait: "ToString", method: "to_string", fixed: "String", stays: 127},
	{trait: "ToOwned", method: "to_owned", stays: 92}, // its type is the trait's associated one: only with an annotation
	{trait: "IntoIterator", method: "into_iter", stays: 127},
}

func conversionOf(trait string) *conversion {
	for i := range conversions {
		if conversions[i].trait == trait {
			return &conversions[i]
		}
	}
	return nil
}

// Refusal is why a function is left as it is.
type Refusal string

// The refusals, in the words that users read.
const (
	NotOutlinable    Refusal = ""
	Declaration      Refusal = "it has no body"
	InTrait          Refusal = "a trait's own method: every implementor may have another one"
	ConstFn          Refusal = "a const fn cannot call the conversion"
	InlineAlways     Refusal = "#[inline(always)] asks for a copy at every call"
	TrackCaller      Refusal = "#[track_caller] would name the inner function's caller"
	ForeignABI       Refusal = "its ABI is part of its type"
	UnknownAttr      Refusal = "an attribute macro sees its body"
	MacroHidesUse    Refusal = "a macro or a format string may use the argument in a way that cannot be seen"
	NotOnlyConverted Refusal = "the argument is used otherwise than through its conversion"
	NotAtHead        Refusal = "something runs before the conversion, and would run after it"
	TypeElsewhere    Refusal = "the type parameter is used in other places than one argument"
	SeveralBounds    Refusal = "several conversions, or a bound that the body may use"
	PatternArgument  Refusal = "the argument is taken apart by a pattern"
	Shadowed         Refusal = "the argument's name is bound again in the body"
	TargetUnknown    Refusal = "the conversion's result has no type that can be written down"
	ElidedReturn     Refusal = "the returned lifetime would be ambiguous"
	BorrowsArgument  Refusal = "what is returned may borrow from the argument"
	SelfInTraitImpl  Refusal = "an implementation for generic types has no place for an inner function"
	SelfKind         Refusal = "self is taken in a form that an inner function cannot name"
	SmallBody        Refusal = "the body is no larger than the call that would replace it"
	ReturnsImpl      Refusal = "impl Trait in return position may capture the argument's type"
	DropOrder        Refusal = "the argument would be dropped at another moment"
	NestedReturn     Refusal = "the conversion stands in a closure, a loop or a branch"
)
