using System.Runtime.Versioning;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>deploy/azure/preflight.sh with a stand-in for the Azure CLI, which answers as it does with `--output tsv`.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class PreflightTests : IDisposable
{
    private const string Size = "standardBasv2Family\t2\tNone\n";
    private const string Usage = "availabilitySets\t0\t2500\nstandardBASv2Family\t4\t10\ncores\t4\t10\n";

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-preflight-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task What_is_to_be_had_passes()
    {
        var result = await RunAsync(Size, Usage, "true\n");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(
            "Standard_B2as_v2 in westeurope: 2 processors\nquota: enough\ntidemark.westeurope.cloudapp.azure.com: free\n", result.Output);
    }

    [Theory]
    [InlineData("", Usage, "true\n", "westeurope has no size Standard_B2as_v2: another vm_size or location")]
    [InlineData(
        "standardBasv2Family\t2\tNotAvailableForSubscription\n", Usage, "true\n",
        "Standard_B2as_v2 in westeurope isn't for this subscription (NotAvailableForSubscription): another vm_size or location")]
    [InlineData(
        Size, "standardBasv2Family\t9\t10\ncores\t9\t10\n", "true\n",
        "the quota is too small for 2 more processors (standardBasv2Family has 9 of 10 in use,cores has 9 of 10 in use): "
        + "ask for more in the portal, Quotas, or another vm_size or location")]
    [InlineData(
        Size, "cores\t4\t10\n", "true\n",
        "the quota is too small for 2 more processors (no quota of standardBasv2Family is known): "
        + "ask for more in the portal, Quotas, or another vm_size or location")]
    [InlineData(
        Size, Usage, "false\n", "tidemark.westeurope.cloudapp.azure.com is taken, unless it is your own already: another dns_label")]
    public async Task What_would_stop_the_apply_is_named(string size, string usage, string free, string problem)
    {
        var result = await RunAsync(size, usage, free);
        Assert.Equal((1, $"preflight.sh: {problem}\n"), (result.ExitCode, result.Error));
    }

    private Task<CliResult> RunAsync(string size, string usage, string free)
    {
        var az = Path.Combine(_root.FullName, "az");
        File.WriteAllText(az, """
            #!/bin/sh
            case "$1 $2" in
              "vm list-skus") printf %s "$SIZE" ;;
              "vm list-usage") printf %s "$USAGE" ;;
              "account show") echo 01234567-89ab-cdef-0123-456789abcdef ;;
              "rest --method")
                case $* in
                  *"/subscriptions/01234567-89ab-cdef-0123-456789abcdef/"*"/locations/westeurope/CheckDnsName"*) printf %s "$FREE" ;;
                  *) exit 1 ;;
                esac
                ;;
              *) exit 1 ;;
            esac
            """);
        File.SetUnixFileMode(az, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return Tool.RunAsync(
            Repository.PathOf("deploy/azure/preflight.sh"), ["westeurope", "Standard_B2as_v2", "tidemark"], null, null,
            [("PATH", $"{_root.FullName}:{Environment.GetEnvironmentVariable("PATH")}"), ("SIZE", size), ("USAGE", usage), ("FREE", free)]);
    }
}
