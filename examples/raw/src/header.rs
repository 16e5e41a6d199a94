//! The ELF header and its one program header, 112 bytes in all: the last
//! eight bytes of the one are the first eight of the other.
//!
//! e_phnum = 1, e_shentsize = 0, e_shnum = 5, e_shstrndx = 0 read as
//! p_type = PT_LOAD, p_flags = PF_R | PF_X. The kernel looks at no section
//! header field, so both stories are true. There is no writable memory but the
//! stack, and none that is writable and executable.
core::arch::global_asm!(
    ".pushsection .header, \"a\"",
    ".byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0", // e_ident: 64 bits, little-endian
    ".quad 0",
    ".short 2, 62",    // e_type ET_EXEC, e_machine EM_X86_64
    ".long 1",         // e_version
    ".quad {start}",   // e_entry
    ".quad 56",        // e_phoff: eight bytes before the end of this header
    ".quad 0",         // e_shoff
    ".long 0",         // e_flags
    ".short 64, 56",   // e_ehsize, e_phentsize
    ".short 1, 0, 5, 0", // e_phnum ... e_shstrndx, and p_type, p_flags
    ".quad 0",         // p_offset
    ".quad image",     // p_vaddr
    ".quad image",     // p_paddr
    ".quad image_size", // p_filesz
    ".quad image_size", // p_memsz
    ".quad 0x1000",    // p_align
    ".popsection",
    start = sym crate::_start,
);
