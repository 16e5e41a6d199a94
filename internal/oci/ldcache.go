package oci

import (
	"bytes"
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
)

// ldCache is /etc/ld.so.cache as glibc 2.2 and later write it (sysdeps/generic/dl-cache.h,
// struct cache_file_new): library name -> paths, the first the preferred one.
type ldCache map[string][]string

var ldCacheMagic = []byte("glibc-ld.so.cache1.1")

const (
	ldCacheHeaderSize = 48 // magic 17 + version 3, nlibs, len_strings, flags, extension_offset, 3 unused
	ldCacheEntrySize  = 24 // flags, key, value, osversion, hwcap
)

// parseLdCache reads the new format, which may stand behind the old one. An
// entry for one processor generation (glibc-hwcaps) is left out: an image is
// for every machine of its platform.
func parseLdCache(data []byte) (ldCache, error) {
	start := bytes.Index(data, ldCacheMagic)
	if start < 0 {
		return nil, byteio.Errorf(0, "ld.so.cache", "expected %q but it is not there", ldCacheMagic)
	}
	v := byteio.View{Data: data[start:], Base: uint64(start), Order: binary.LittleEndian}
	count, err := v.U32(20, "nlibs")
	if err != nil {
		return nil, err
	}
	// The file is in the byte order of the machine that wrote it.
	if uint64(count)*ldCacheEntrySize > v.Len() {
		v.Order = binary.BigEndian
		if count, err = v.U32(20, "nlibs"); err != nil {
			return nil, err
		}
	}
	if _, err := v.Table(ldCacheHeaderSize, uint64(count), ldCacheEntrySize, "libs"); err != nil {
		return nil, err
	}
	cache := ldCache{}
	for i := uint64(0); i < uint64(count); i++ {
		at := ldCacheHeaderSize + i*ldCacheEntrySize
		key, err := v.U32(at+4, "key")
		if err != nil {
			return nil, err
		}
		value, err := v.U32(at+8, "value")
		if err != nil {
			return nil, err
		}
		hwcap, err := v.U64(at+16, "hwcap")
		if err != nil {
			return nil, err
		}
		if hwcap != 0 {
			continue
		}
		name, err := v.CString(uint64(key), "key")
		if err != nil {
			return nil, err
		}
		file, err := v.CString(uint64(value), "value")
		if err != nil {
			return nil, err
		}
		cache[name] = append(cache[name], file)
	}
	return cache, nil
}
