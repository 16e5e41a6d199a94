// bcryptprimitives.dll for Wine before 8.8, which has none: std asks it for the
// random numbers of its hash tables. Made by
//   x86_64-w64-mingw32-gcc -Os -shared -nostdlib -Wl,--entry=0,--no-insert-timestamp,-s -o bcryptprimitives.dll bcryptprimitives.c -ladvapi32
__declspec(dllimport) unsigned char SystemFunction036(void *buffer, unsigned long length);

__declspec(dllexport) int ProcessPrng(unsigned char *buffer, unsigned long long length) {
    while (length > 0) {
        unsigned long part = length > 0x10000000 ? 0x10000000 : (unsigned long)length;
        if (!SystemFunction036(buffer, part)) return 0;
        buffer += part;
        length -= part;
    }
    return 1;
}
