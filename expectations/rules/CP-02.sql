-- Communes that belong to the sender on the last day of the period and have no row: one finding for the whole report.
-- Those of 'huyen-<district code>' are its district's, that of 'xa-<commune code>' is itself. Not judged: a report with
-- a row whose commune is unknown, for it may be a missing one.
select
    report.submission_id,
    null as sheet_name,
    null::integer as row_number,
    null as column_name,
    null as value,
    count(*) as count,
    array_to_string((array_agg(unit.name || ' (' || unit.code || ')' order by unit.code))[1:10], ', ')
    || case when count(*) > 10 then ', …' else '' end as communes
from (
    select
        b.submission_id,
        b.sender_code,
        b.period_end,
        array_agg(b.commune_code) as commune_codes
    from {batch} as b
    group by b.submission_id, b.sender_code, b.period_end
    having count(*) = count(b.commune_code)
) as report
inner join reference.admin_unit as unit
    on
        unit.level = 'commune'
        and report.sender_code in ('huyen-' || unit.parent_code, 'xa-' || unit.code)
        and report.period_end >= coalesce(unit.valid_from, '-infinity')
        and report.period_end <= coalesce(unit.valid_to, 'infinity')
where unit.code <> all(report.commune_codes)
group by report.submission_id
