output "address" {
  description = "Public address of the VM; for a domain of your own, the target of its A record."
  value       = azurerm_public_ip.this.ip_address
}

output "ssh" {
  description = "How to sign in; closed unless admin_cidrs names your address."
  value       = length(var.admin_cidrs) == 0 ? "closed: set admin_cidrs" : "ssh ${var.admin_username}@${local.fqdn}"
}

output "api_url" {
  description = "Where the API answers once Tidemark runs."
  value       = "https://${local.site}"
}

output "backup_container" {
  description = "Where backups go; the VM alone reaches it."
  value       = "https://${local.account}.blob.core.windows.net/${local.container}"
}

output "try" {
  description = "Lines to try, with a key of `tidemark key add` in KEY."
  value       = <<-END
    curl https://${local.site}/api/health
    curl -H "Authorization: Bearer $KEY" https://${local.site}/api/sensors
    curl -H "Authorization: Bearer $KEY" "https://${local.site}/api/sensors/sensor_001/hourly?period=1w"
  END
}
