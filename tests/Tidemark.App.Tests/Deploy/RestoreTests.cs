using System.Runtime.Versioning;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>restore.sh with stand-ins for PostgreSQL's clients; on a real server TimescaleOperationsTests run it.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class RestoreTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Its rights could otherwise not be restored on another server, and with them nothing.</summary>
    [Theory]
    [InlineData("GRANT SELECT ON TABLE public.sensor_data TO tidemark_reader;", true)]
    [InlineData("GRANT SELECT ON TABLE public.sensor_data TO somebody;", false)]
    public async Task The_role_of_Grafana_is_made_before_its_rights_are_restored(string right, bool isMade)
    {
        var log = Path.Combine(_folder.Path, "log");
        StandIn("psql", $"statement=$(cat); echo \"$statement\" >> '{log}'; case $statement in *available*) echo 1;; esac");
        StandIn("pg_restore", $"cat > /dev/null; case $* in *--schema-only*) echo '{right}';; *) echo restored >> '{log}';; esac");
        var file = Path.Combine(_folder.Path, "iotdata-20261125T020000Z-timescaledb-2.32.0.dump");
        await File.WriteAllTextAsync(file, "a dump");
        var result = await Tool.RunAsync(
            "sh",
            [Repository.PathOf("deploy/docker/restore.sh"), file],
            null,
            null,
            [("PGHOST", "stand-in"), ("PATH", $"{_folder.Path}:{Environment.GetEnvironmentVariable("PATH")}")]);
        Assert.True(result.ExitCode == 0, result.Error);
        var done = await File.ReadAllTextAsync(log);
        var made = done.IndexOf("SELECT 'CREATE ROLE tidemark_reader'", StringComparison.Ordinal);
        Assert.Equal(isMade, made >= 0);
        Assert.True(made < done.IndexOf("\nrestored\n", StringComparison.Ordinal));
    }

    private void StandIn(string name, string script)
    {
        _folder.Write(name, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(Path.Combine(_folder.Path, name), UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }
}
