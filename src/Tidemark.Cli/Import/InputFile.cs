using System.IO.Compression;
using System.Text;
using ZstdSharp;

namespace Tidemark.Cli.Import;

/// <summary>
/// What is imported: a file, or standard input, which is kept in a temporary file. It is read twice, once to understand it as a whole and
/// once to import it, and unpacked on the way where it is gzip or zstd.
/// </summary>
internal sealed class InputFile : IDisposable
{
    private static readonly (string Packing, byte[] Magic)[] Packings =
    [
        ("gzip", [0x1F, 0x8B]),
        ("zstd", [0x28, 0xB5, 0x2F, 0xFD]),
        ("zip", [0x50, 0x4B, 0x03, 0x04]),
        ("bzip2", [0x42, 0x5A, 0x68]),
        ("xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]),
    ];

    private readonly FileStream? _spooled;
    private FileStream? _reading;

    private InputFile(string name, FileStream? spooled)
    {
        (Name, _spooled) = (name, spooled);
        Path = spooled?.Name ?? name;
        using var stream = OpenPacked();
        Packing = Find(Head(stream));
        if (Packing is not (null or "gzip" or "zstd"))
        {
            throw new CommandFailedException($"{Name} is packed with {Packing}: unpack it first; gzip and zstd are read as they are");
        }

        using var unpacked = OpenRead();
        Begin = Head(unpacked);
    }

    /// <summary>As the caller named it; <c>-</c> for standard input.</summary>
    public string Name { get; }

    /// <summary>Where the bytes are, packed or not.</summary>
    public string Path { get; }

    /// <summary>gzip, zstd or null.</summary>
    public string? Packing { get; }

    /// <summary>The first bytes, unpacked.</summary>
    public byte[] Begin { get; }

    /// <summary>How much of the bytes the last reader has read.</summary>
    public double Fraction
        => _reading is { CanRead: true, Length: > 0 } reading ? (double)reading.Position / reading.Length : double.NaN;

    /// <exception cref="CommandFailedException">There is no such file.</exception>
    public static InputFile Open(string name)
    {
        if (Directory.Exists(name))
        {
            throw new CommandFailedException($"{name} is a folder; name a file in it");
        }

        try
        {
            return new InputFile(name, name == "-" ? Spool(Console.OpenStandardInput()) : null);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CommandFailedException($"{name}: there is no such file");
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw Broken(name, e);
        }
    }

    /// <summary>The bytes from their beginning, unpacked.</summary>
    public Stream OpenRead()
    {
        _reading = OpenPacked();
        return Packing switch
        {
            "gzip" => new GZipStream(_reading, CompressionMode.Decompress),
            "zstd" => new DecompressionStream(_reading, leaveOpen: false),
            _ => _reading,
        };
    }

    /// <summary>Whether a decoder threw it because what is packed is broken.</summary>
    public static bool IsBroken(Exception e) => e is InvalidDataException or ZstdException or EndOfStreamException;

    public static CommandFailedException Broken(string name, Exception e)
        => new($"{name} is broken, or not all of it is there: {e.Message}");

    /// <summary>The encoding that a byte order mark at the beginning tells; null when there is none.</summary>
    public Encoding? Marked() => Begin switch
    {
        [0xEF, 0xBB, 0xBF, ..] => Encoding.UTF8,
        [0xFF, 0xFE, 0, 0, ..] => Encoding.UTF32,
        [0, 0, 0xFE, 0xFF, ..] => new UTF32Encoding(bigEndian: true, byteOrderMark: true),
        [0xFF, 0xFE, ..] => Encoding.Unicode,
        [0xFE, 0xFF, ..] => Encoding.BigEndianUnicode,
        _ => null,
    };

    public void Dispose()
    {
        _reading?.Dispose();
        _spooled?.Dispose();
    }

    private FileStream OpenPacked()
        => new(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 20, FileOptions.SequentialScan);

    private static FileStream Spool(Stream input)
    {
        var path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"tidemark-import-{Guid.NewGuid():N}");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            Options = FileOptions.DeleteOnClose,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        var file = new FileStream(path, options);
        try
        {
            input.CopyTo(file);
            file.Flush();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static string? Find(byte[] head) => Packings.FirstOrDefault(p => head.AsSpan().StartsWith(p.Magic)).Packing;

    private static byte[] Head(Stream stream)
    {
        var head = new byte[4096];
        return head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
    }
}
