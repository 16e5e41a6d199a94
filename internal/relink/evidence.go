package relink

// Kind of evidence: something that a program does, as its recorded objects
// tell, and that a technique may spoil.
type Kind string
