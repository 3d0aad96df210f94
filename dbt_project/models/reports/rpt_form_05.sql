{{ deprivation_rate_form('poor', ref('rpt_form_04')) }}
